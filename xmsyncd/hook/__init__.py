"""A function of the user that each product goes through, in a process of its own (part of step 2).

::

    def transform(product: dict[str, Any]) -> dict[str, Any] | None: ...

``product`` is a copy of what OKKI lists, with what the detail call added (``source.detail_fields``), as JSON.
What the function returns is mapped in its place; ``None`` leaves the product out. An exception, any other
result, and an answer that does not come within ``transform_timeout`` reject this product alone, with the
reason ``hook``.

It runs in a process of its own because a thread is no bound: one regular expression that backtracks holds the
interpreter, and with it everything else (measured: a loop that beats every 5 ms stood still for 12 s), and no
thread can be ended. A call costs half a millisecond. The process has nothing of the daemon's environment.
"""
