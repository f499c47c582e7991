"""Every product that OKKI shows as changed is in Yida once, or stands in a list with the reason why not.

The journey of one product is the map of the code::

     schedule ──rings──▶ cycle
                          │
     okki ──pages──▶ queue ──▶ transform ──▶ ledger ──▶ workers ── permit, claim, send ──▶ yida
     (1) read         (bounded)   (2) map,      (3) desired      (4) limit + quota         (5) write,
     a window                     check, hash   state                                      read back
                                                    ▲                                        │
                                                    └─────────── (6) settle ─────────────────┘

1. **Read.** ``schedule`` rings, ``cycle`` freezes a window, ``okki`` reads its pages.
2. **Transform.** ``hook`` gives each item to a function of the user; ``transform`` (pure) derives fields,
   leaves out what ``where`` says, and makes of the rest a draft, or a rejection with its reason.
3. **Stage.** ``ledger`` keeps the *desired* state, a page at a time; unchanged content costs no call.
4. **Permit, claim, send.** ``delivery`` takes a permit from ``flow``, claims durably, then sends at once.
5. **Write.** ``yida`` starts, updates, and looks when an answer was lost.
6. **Settle.** ``delivery`` turns each outcome into what comes next; ``ledger`` keeps it (*delivered*).
7. **Close the window.** ``cycle`` moves the watermark once all pages are staged and the window is proven.

Where things are:

====================  ======================================================================================
``records``           the nouns that travel: Item, Draft, Rejection, Claim, Outcome, Found; frozen, no I/O
``errors``            what may go wrong, named by what the daemon does next
``clock``             time as an argument
``about``             what the lines of a log are about: pipeline, cycle, record
``heartbeat``         when each part last moved, and whether it waits on purpose
``steps``             the moments of a delivery by name, so that a crash test can kill the process at one
``nearest``           what a person probably meant by an unknown name
``showing``           foreign text as people are shown it: shortened, what cannot be seen as its code
``settings``          the configuration file, the environment and secret files, with every fault at once
``importing``         a configuration from the metadata documents of 轻易云
``cycle``             one window, from read to proven
``okki``              the source: token, client, answer table, reader, product groups
``transform``         pure: templates, field mapping, quality rules, hashes
``hook``              a function of the user for each product, in a process of its own
``ledger``            the durable memory: states, records, cycles, instances, meters, migrations
``delivery``          workers, the policy of what comes next, looking for what is undecided
``yida``              the target: token, client, answer table, values in both directions, writers
``flow``              pace, adaptive rate and quota, for both vendors
``transport``         session, token and classification: the mechanism that both clients share
``operations``        what people ask for: retry, explain, discard; called by command line, socket and console
``cli``               the commands: parse, call, print
``console``           the pages and endpoints that a running daemon serves
``observe``           logs and metrics
``phrases``           what people read about states, reasons and stops, in both languages
``notify``            what people are told in DingTalk: alerts, state changes, the daily digest
``schedule``          when a cycle is due
``lifecycle``         named tasks, signals, the bounded drain
``watchdog``          whether systemd's watchdog is fed: only while every part moves
``daemon``            runs what ``app`` has opened, until a signal or the death of a part
``app``               opens everything in order, closes it in reverse
``wiring``            puts one pipeline together from its settings; with ``app`` it knows all others
``simulator``         OKKI and Yida as their users meet them, with faults; only demo and tests know it
====================  ======================================================================================

Each may import what stands further in, never the other way round: the contracts are in ``pyproject.toml``.
"""

__version__ = "0.1.0"
