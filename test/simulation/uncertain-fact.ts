/**
 * What a caller may believe of one fact (a name, whether a thread is archived) while several processes change
 * it and some of them die in the middle: it is sure once a change was answered that no other overlapped.
 */

/** A change that is under way. */
export interface ChangeUnderWay {
  readonly process: string;
}

export class UncertainFact<Value> {
  value: Value;
  isSure = true;
  readonly #underWay = new Set<ChangeUnderWay>();
  /** Changes that began while another was under way. */
  readonly #overlapped = new WeakSet<ChangeUnderWay>();
  #before: { readonly value: Value; readonly isSure: boolean };

  constructor(value: Value) {
    this.value = value;
    this.#before = { value, isSure: true };
  }

  begin(process: string): ChangeUnderWay {
    const change = { process };
    if (this.#underWay.size === 0) this.#before = { value: this.value, isSure: this.isSure };
    for (const other of [...this.#underWay, change]) if (this.#underWay.size > 0) this.#overlapped.add(other);
    this.#underWay.add(change);
    this.isSure = false;
    return change;
  }

  /** It was answered: the fact is this. */
  done(change: ChangeUnderWay, value: Value): void {
    if (!this.#underWay.delete(change)) return;
    this.value = value;
    this.isSure = this.#underWay.size === 0 && !this.#overlapped.has(change);
  }

  /** It was refused before anything was done. */
  refused(change: ChangeUnderWay): void {
    if (!this.#underWay.delete(change)) return;
    if (this.#underWay.size === 0 && !this.#overlapped.has(change)) Object.assign(this, this.#before);
  }

  /** It failed: it may have happened. */
  failed(change: ChangeUnderWay): void {
    this.#underWay.delete(change);
  }

  /** The process that was at it is no more. */
  processGone(process: string): void {
    for (const change of this.#underWay) if (change.process === process) this.#underWay.delete(change);
  }

  doubt(): void {
    this.isSure = false;
  }
}
