/**
 * A few at a time: maps many things through an async function without starting them all at once, so
 * that a home of 20,000 files neither needs as many file descriptors nor starves other work.
 */

/** Results in the order of the inputs. The first rejection rejects the whole; the others run out. */
export async function mapBounded<Input, Output>(
  inputs: readonly Input[],
  concurrencyMax: number,
  map: (input: Input, index: number) => Promise<Output>,
): Promise<Output[]> {
  const outputs: Output[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next;
      next += 1;
      // Within bounds: index < inputs.length.
      outputs[index] = await map(inputs[index] as Input, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrencyMax, inputs.length) }, work));
  return outputs;
}
