/**
 * Finds circles in a graph of files: for each group of files that all reach each other, one shortest circle through
 * its first file. Cost is linear in files and imports (Tarjan's strongly connected components, without recursion).
 */

/** What each node points at. Nodes that are only pointed at may be left out of the keys. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** One circle for each group of nodes that reach each other, as the nodes in order, starting with the smallest name. */
export function findCircles(graph: Graph): string[][] {
  return findGroups(graph).flatMap((group) => {
    const start = group.toSorted()[0];
    return start === undefined ? [] : [shortestCircle(graph, start, new Set(group))];
  });
}

/** A node's place in the search: when it was met, and the earliest node on the stack that it reaches. */
interface Visit {
  readonly node: string;
  readonly index: number;
  low: number;
  nextTarget: number;
  isOnStack: boolean;
}

/** The strongly connected components with more than one node, or one that points at itself. */
function findGroups(graph: Graph): string[][] {
  const visits = new Map<string, Visit>();
  const stack: Visit[] = [];
  const groups: string[][] = [];
  const meet = (node: string): Visit => {
    const visit = { node, index: visits.size, low: visits.size, nextTarget: 0, isOnStack: true };
    visits.set(node, visit);
    stack.push(visit);
    return visit;
  };
  const leave = (visit: Visit): void => {
    if (visit.low !== visit.index) return;
    const group = stack.splice(stack.indexOf(visit));
    for (const member of group) member.isOnStack = false;
    const isCircle = group.length > 1 || (graph.get(visit.node) ?? []).includes(visit.node);
    if (isCircle) groups.push(group.map((member) => member.node));
  };
  for (const root of graph.keys()) {
    if (visits.has(root)) continue;
    const path = [meet(root)];
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const target = (graph.get(visit.node) ?? [])[visit.nextTarget];
      visit.nextTarget += 1;
      if (target === undefined) {
        leave(visit);
        path.pop();
        const parent = path.at(-1);
        if (parent) parent.low = Math.min(parent.low, visit.low);
        continue;
      }
      const met = visits.get(target);
      if (met === undefined) path.push(meet(target));
      else if (met.isOnStack) visit.low = Math.min(visit.low, met.index);
    }
  }
  return groups;
}

/** The shortest way from `start` back to itself inside `group`, without the closing repeat. */
function shortestCircle(graph: Graph, start: string, group: ReadonlySet<string>): string[] {
  const cameFrom = new Map<string, string>();
  const waiting = [start];
  for (let at = 0; at < waiting.length; at += 1) {
    const node = waiting[at] ?? start;
    for (const target of graph.get(node) ?? []) {
      if (target === start) return pathTo(node, start, cameFrom);
      if (!group.has(target) || cameFrom.has(target)) continue;
      cameFrom.set(target, node);
      waiting.push(target);
    }
  }
  return [start];
}

/** The nodes from `start` to `end`, by the steps that led there. */
function pathTo(end: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const path = [end];
  for (let node = end; node !== start; path.unshift(node)) node = cameFrom.get(node) ?? start;
  return path;
}
