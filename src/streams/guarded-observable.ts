/**
 * An Observable whose subscribers can't bring the process down by throwing. RxJS reports an error from a
 * subscriber's `next` or `complete` as an uncaught exception, which ends the process and with it
 * everybody else's subscription; here it goes to the logger, and the subscription goes on.
 *
 * Holds for the observable and for what is piped from it, not for what another creation operator
 * (`merge`, `combineLatest`) makes of it. An error of the feed itself that nobody handles stays uncaught.
 */
import { Observable, type Observer, type Operator, Subscriber, type Subscription } from "rxjs";

import type { Logger } from "../base/index.ts";

type NextOrObserver<Value> = Partial<Observer<Value>> | ((value: Value) => void) | null;

/** See the file's head. */
export class GuardedObservable<Value> extends Observable<Value> {
  readonly #logger: Logger;

  constructor(logger: Logger, subscribe?: (subscriber: Subscriber<Value>) => () => void) {
    super(subscribe);
    this.#logger = logger;
  }

  /** Makes `pipe` answer guarded observables too. */
  override lift<Result>(operator?: Operator<Value, Result>): Observable<Result> {
    const lifted = new GuardedObservable<Result>(this.#logger);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }

  override subscribe(observerOrNext?: Partial<Observer<Value>> | ((value: Value) => void)): Subscription;
  override subscribe(
    next?: ((value: Value) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription;
  override subscribe(
    observerOrNext?: NextOrObserver<Value>,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // An operator's own subscriber: its errors belong to the chain, and the chain's end is guarded.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer: Partial<Observer<Value>> =
      typeof observerOrNext === "object" && observerOrNext !== null
        ? observerOrNext
        : {
            ...(observerOrNext ? { next: observerOrNext } : {}),
            ...(error ? { error } : {}),
            ...(complete ? { complete } : {}),
          };
    return super.subscribe({
      next: (value) => this.#guard(() => observer.next?.(value)),
      complete: () => this.#guard(() => observer.complete?.()),
      ...(observer.error === undefined
        ? {}
        : { error: (failure: unknown) => this.#guard(() => observer.error?.(failure)) }),
    });
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#logger.error({ error }, "a feed's subscriber threw");
    }
  }
}
