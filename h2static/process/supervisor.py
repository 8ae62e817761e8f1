"""The supervisor: holds the sockets, starts and replaces workers, and handles signals.

Contract: :meth:`Supervisor.run` returns when the last worker has exited.  The listening sockets
stay open meanwhile, whatever happens to workers: no connection is lost in a backlog or refused.

Strategy: one thread, one ``selectors`` loop, no event-loop framework, so that the process that must
not fail stays small.  There is always a supervisor, even for a single worker, so that a reload is
always the same (new workers take over the sockets, old ones finish), and Ctrl-C, a broken worker
and ``kill -9`` have the same effect with one worker and with many.

Signals: ``SIGTERM`` and ``SIGINT`` stop, the second one forces; ``SIGHUP`` reloads; ``SIGUSR1``
reopens the logs; ``SIGUSR2`` writes counters.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from h2static.config import Config, describe
from h2static.errors import ApplicationError, ApplicationFailed, StartError, UsageError
from h2static.logs.errors import ErrorLog
from h2static.process import tls_warnings
from h2static.process.control_channel import Message
from h2static.process.counters import Counters
from h2static.process.datagrams import DatagramNumbers, still_reads, take_over
from h2static.process.generation import Generation
from h2static.process.handover import Handover
from h2static.process.launching import Launched
from h2static.process.reloading import prepare, revert, settle
from h2static.process.systemd import Notifier
from h2static.process.timers import Timers
from h2static.process.workers import Worker, WorkerState, start_worker
from h2static.server.listeners import Listener, sockets_of

_RELOAD_FAILED = "reload failed; keeping the old configuration"
#: Seconds a worker has to accept connections before a start or reload is abandoned.
START_DEADLINE = 30.0
#: Seconds a worker has to live for its next death to count as the first one.
_SETTLED = 10.0
#: Seconds before a worker that died immediately is replaced; doubled each time, up to the maximum.
_BACK_OFF = (0.1, 10.0)
#: Minimum seconds between replacements of a slot's worker because of its memory.
_LEAST_LIFE = 60.0
#: Seconds until the next try, if a reload is under way.
_LATER = 1.0
#: Seconds that workers have to close after the grace period, or after being forced.
_CLOSING = 3.0
_FORCED_CLOSING = 1.0
#: Seconds between checks of the certificate's expiration.
_EXPIRY_INTERVAL = 86_400.0

_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
)


class Supervisor:
    """Runs the workers of a configuration until it is stopped."""

    def __init__(
        self,
        config: Config,
        listeners: Sequence[Listener],
        *,
        reload: Callable[[], Config],
        announce: Callable[[], None],
        notifier: Notifier,
        launched: Launched | None = None,
    ) -> None:
        """Prepare to run.

        ``reload`` re-reads the configuration; it raises ``UsageError`` or ``StartError`` if it is
        broken.  ``announce`` is called once, when every worker accepts connections.
        ``launched``: a process that waits to become the first worker.  Raises ``StartError`` if
        the error log cannot be opened.
        """
        self._listeners = listeners
        self._reload_config = reload
        self._announce = announce
        self._notifier = notifier
        self._launched = launched
        try:
            self.log = ErrorLog(config.error_log)
        except OSError as error:
            raise StartError(f"cannot open the log {describe(error)}") from error
        self._current = Generation(config=config)
        self._next: Generation | None = None
        self._retired: set[Worker] = set()
        self._reload_wanted = False
        self._announced = False
        self._stopping = False
        #: Why the first workers could not start.
        self._failure: StartError | None = None
        self._deaths: dict[int, int] = {}
        #: When the worker of a slot was last replaced because of its memory.
        self._replaced: dict[int, float] = {}
        self._timers = Timers()
        self._handover = Handover(self._timers.after, self._reload_again_if_wanted)
        self._counters = Counters(lambda line: self.log.write_line(line), self._timers.after)
        self._selector = selectors.DefaultSelector()
        self._on_terminal = os.isatty(2)
        self._datagrams = DatagramNumbers()

    def run(self) -> None:
        """Serve until stopped.

        Raises :class:`~h2static.errors.StartError` when the first workers cannot start.
        """
        ends = self._listen_to_signals()
        try:
            for slot in range(self._current.config.workers):
                self._start(self._current, slot)
            self._timers.after(START_DEADLINE, self._on_start_deadline)
            while not (self._stopping and not self._everybody()):
                for key, _ in self._selector.select(self._timers.until_next()):
                    key.data()
                self._timers.run()
        finally:
            for worker in self._everybody():
                worker.process.kill()
                worker.process.wait()
            signal.set_wakeup_fd(-1)
            for end in ends:
                end.close()
            self._close_listeners()
            self._selector.close()
            self.log.close()
        if self._failure is not None:
            raise self._failure

    # Signals

    def _listen_to_signals(self) -> tuple[socket.socket, socket.socket]:
        """Receive signals as octets on a socket, so that they interrupt nothing."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        # Earlier signals were blocked, and are delivered now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(ours))
        return ours, theirs

    def _hear(self, line: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in line.recv(4096):
                self._on_signal(signal.Signals(number))

    def _on_signal(self, number: signal.Signals) -> None:
        match number:
            case signal.SIGTERM | signal.SIGINT:
                self.stop()
            case signal.SIGHUP if self._terminal_is_gone():
                self.stop()
            case signal.SIGHUP:
                self.reload()
            case signal.SIGUSR1:
                self.log.reopen()
                for worker in self._everybody():
                    worker.tell(Message.REOPEN)
            case signal.SIGUSR2:
                self._counters.ask(self._everybody())
            case signal.SIGCHLD:
                self._bury_the_dead()
            case _:
                raise AssertionError(f"unexpected signal {number}")

    def _terminal_is_gone(self) -> bool:
        """Whether SIGHUP came because the terminal was closed, and not as a request to reload."""
        return self._on_terminal and not os.isatty(2)

    # Workers

    def _everybody(self) -> list[Worker]:
        """Every worker that may be alive."""
        workers = [*self._current.workers.values(), *self._retired]
        if self._next is not None:
            workers.extend(self._next.workers.values())
        return workers

    def _start(self, generation: Generation, slot: int) -> None:
        """Start the worker of ``slot``.  If the system refuses a successor, retry later."""
        if self._stopping or generation not in (self._current, self._next):
            return
        placed = sockets_of(self._listeners, generation.config, slot)
        begins = generation is self._current and not still_reads(self._retired, slot)
        before, launched, self._launched = self._everybody(), self._launched, None
        try:
            worker = start_worker(
                generation.config,
                slot=slot,
                sockets=[one for one, _ in placed],
                places=tuple(place for _, place in placed),
                now=time.monotonic(),
                launched=launched,
                failure=generation.failure,
                datagrams=self._datagrams.assignment(generation.config, before, begins=begins),
                predecessors=self._datagrams.inboxes(before),
            )
        except OSError as error:
            reason = f"a worker could not start: {error.strerror}"
            if not self._gives_up(generation, slot, StartError(reason)):
                self._replace_later(generation, slot, reason)
            return
        generation.workers[slot] = worker
        self._selector.register(
            worker.line, selectors.EVENT_READ, lambda: self._listen(generation, worker)
        )

    def _listen(self, generation: Generation, worker: Worker) -> None:
        """Handle messages from ``worker``."""
        if worker.line.fileno() < 0:
            # Its death was noticed in the same round of the loop.
            return
        for message in worker.reader.read(worker.line):
            match message["type"]:
                case Message.PREPARED if worker.state is WorkerState.STARTING:
                    worker.state = WorkerState.PREPARED
                    self._let_accept(generation)
                case Message.READY if worker.state is WorkerState.PREPARED:
                    worker.state = WorkerState.SERVING
                    if worker.slot == 0:
                        # It has opened the browser; its successors must not do so again.
                        generation.config = replace(generation.config, open=False)
                    generation.note_warnings(worker.slot, message["warnings"], self.log)
                    for one in tuple(self._retired):
                        # It exceeded its memory limit, and its successor accepts connections now.
                        if one.slot == worker.slot and generation is self._current:
                            self._retire(one, grace=generation.config.grace)
                    self._on_serving(generation)
                case Message.WARNED:
                    generation.note_warnings(worker.slot, message["warnings"], self.log)
                case Message.FAILED:
                    worker.note_failure(message)
                case Message.CHANGED:
                    self.reload()
                case Message.LEFT:
                    worker.accepts = worker.reads_datagrams = False
                    self._on_left(worker)
                case Message.TOO_LARGE:
                    self._replace_large(generation, worker, message["octets"])
                case Message.COUNTED:
                    self._counters.take(worker, message["number"], message["counters"])
        if worker.reader.ended:
            # Its death follows as SIGCHLD; until then the channel would stay readable.
            self._selector.unregister(worker.line)
            self._bury_the_dead()

    def _on_start_deadline(self) -> None:
        if not self._announced and not self._stopping:
            self._failure = StartError(f"workers did not start within {START_DEADLINE:g} s")
            self.stop()
            self.stop()

    def _let_accept(self, generation: Generation) -> None:
        """Workers of a new configuration accept when all are prepared: should one of them fail, no
        client has met that configuration."""
        if generation is self._current or generation.prepared():
            for worker in generation.workers.values():
                worker.let_accept()

    def _on_serving(self, generation: Generation) -> None:
        if not generation.serving():
            return
        if generation is self._next:
            self._hand_over()
        elif not self._announced:
            self._announced = True
            self._announce()
            self._notifier.ready("serving")
            self._watch_expiry()
            tls_warnings.report_key(self._current.config, self.log)
            self._reload_again_if_wanted()

    def _bury_the_dead(self) -> None:
        """Reap workers that have exited, and react to their exit."""
        for worker in self._everybody():
            if worker.process.poll() is None:
                continue
            # Its last message may explain the exit.
            if not worker.reader.ended:
                generation = self._generation_of(worker)
                if generation is not None:
                    self._listen_to_last_words(worker)
            if worker.line.fileno() in self._selector.get_map():
                self._selector.unregister(worker.line)
            worker.line.close()
            worker.close_inbox()
            self._on_end(worker)

    def _listen_to_last_words(self, worker: Worker) -> None:
        for message in worker.reader.read(worker.line):
            if message["type"] == Message.FAILED:
                worker.note_failure(message)

    def _generation_of(self, worker: Worker) -> Generation | None:
        """The generation of ``worker``; ``None`` if it is retired."""
        for generation in (self._current, self._next):
            if generation is not None and generation.workers.get(worker.slot) is worker:
                return generation
        return None

    def _on_end(self, worker: Worker) -> None:
        generation = self._generation_of(worker)
        if generation is None:
            self._retired.discard(worker)
            self._on_left(worker)
            return
        del generation.workers[worker.slot]
        if worker.state is WorkerState.STOPPING:
            return
        ended = worker.how_it_ended()
        never_served = generation is self._next or worker.state is not WorkerState.SERVING
        error = worker.error(f"a worker could not start: {ended}")
        if not (never_served and self._gives_up(generation, worker.slot, error)):
            if time.monotonic() - worker.started > _SETTLED:
                self._deaths.pop(worker.slot, None)
            what = f"worker {worker.slot} (process {worker.process.pid}) died"
            self._replace_later(generation, worker.slot, f"{what}: {ended}")

    def _gives_up(self, generation: Generation, slot: int, error: StartError) -> bool:
        """A worker of ``generation`` could not start: abandon the start or reload.

        False if the generation has served before: then its workers are replaced, however long it
        takes, unless an application refuses to start, which it would do again.  In dev mode the
        server waits until the application is repaired; meanwhile workers show what is wrong.
        """
        details = error.details if isinstance(error, ApplicationError) else ()
        if generation is self._next:
            self._give_up_reload(str(error), details)
        elif isinstance(error, ApplicationError) and generation.config.dev:
            if not generation.failure:
                self.log.report("start", "", f"{error}; waiting for a change", details)
            generation.failure = "\n".join((str(error), *details))
            self._start(generation, slot)
        elif not self._announced or isinstance(error, ApplicationFailed):
            self._failure = error
            self.stop()
        else:
            return False
        return True

    def _replace_later(self, generation: Generation, slot: int, reason: str) -> None:
        """Start the successor of a worker: immediately the first time, then with growing delays."""
        deaths = self._deaths.get(slot, 0)
        self._deaths[slot] = deaths + 1
        shortest, longest = _BACK_OFF
        delay = min(shortest * 2**deaths, longest) if deaths else 0.0
        self.log.report("process", "", f"{reason}; restarting in {delay:g} s")
        self._timers.after(delay, lambda: self._start(generation, slot))

    def _watch_expiry(self) -> None:
        """Check now and every day whether the certificate is about to expire."""
        tls_warnings.report_expiry(self._current.config, self.log)
        self._timers.after(_EXPIRY_INTERVAL, self._watch_expiry)

    def _replace_large(self, generation: Generation, worker: Worker, octets: object) -> None:
        """Start a successor for ``worker``, which continues until the successor accepts."""
        slot, now = worker.slot, time.monotonic()
        next_time = self._replaced.get(slot, -_LEAST_LIFE) + _LEAST_LIFE

        def replace() -> None:
            if generation.workers.get(slot) is not worker or self._stopping:
                return
            if self._next is not None:
                # A reload that succeeds replaces it as well.
                self._timers.after(_LATER, replace)
                return
            text = f"uses {octets} octets of memory; replacing it"
            self.log.report("process", "", f"worker {slot} (process {worker.process.pid}) {text}")
            self._replaced[slot] = time.monotonic()
            self._retired.add(generation.workers.pop(slot))
            self._start(generation, slot)

        self._timers.after(max(0.0, next_time - now), replace)

    # Reload

    def reload(self) -> None:
        """Re-read the configuration, and let new workers take over."""
        if self._stopping:
            return
        if self._next is not None or self._handover.pending or not self._announced:
            self._reload_wanted = True
            return
        self._notifier.reloading()
        try:
            config = prepare(self._current.config, self._reload_config(), self._listeners)
        except (UsageError, StartError, OSError) as error:
            self._give_up_reload(str(error))
            return
        generation = self._next = Generation(config=config)
        for slot in range(config.workers):
            self._start(generation, slot)
        self._timers.after(START_DEADLINE, lambda: self._on_reload_deadline(generation))

    def _on_reload_deadline(self, generation: Generation) -> None:
        if self._next is generation and not self._stopping:
            self._give_up_reload(f"new workers did not start within {START_DEADLINE:g} s")

    def _give_up_reload(self, reason: str, details: Sequence[str] = ()) -> None:
        """Keep the old configuration."""
        for worker in self._current.workers.values():
            worker.tell(Message.NOT_SUCCEEDED, reason="\n".join((reason, *details)))
        generation, self._next = self._next, None
        # Some accept if another one died after all had been told to.
        dropped = [] if generation is None else generation.drop()
        for worker in dropped:
            self._retire(worker, grace=self._current.config.grace)
        revert(self._listeners, self._current.config)

        def report() -> None:
            self.log.report("reload", "", f"{_RELOAD_FAILED}: {reason}", details)
            self._notifier.ready("serving; the last reload failed")

        self._handover.begin(dropped, report)

    def _hand_over(self) -> None:
        """The new workers accept connections: let the old ones finish."""
        assert self._next is not None
        old, self._current, self._next = self._current, self._next, None
        settle(self._listeners, self._current.config)
        dropped = (*old.drop(), *self._retired)
        for worker in dropped:
            self._retire(worker, grace=old.config.grace)
        take_over(self._retired, self._current.workers.values())
        self.log = self.log.moved_to(self._current.config.error_log)
        self._deaths.clear()

        def report() -> None:
            self.log.report("reload", "", "reloaded")
            self._notifier.ready("serving")
            tls_warnings.report_expiry(self._current.config, self.log)
            tls_warnings.report_key(self._current.config, self.log)

        self._handover.begin(dropped, report)

    def _on_left(self, worker: Worker) -> None:
        """``worker`` has left the sockets to its successor, or is dead."""
        take_over(self._retired, self._current.workers.values())
        self._handover.note_left(worker)

    def _reload_again_if_wanted(self) -> None:
        if self._reload_wanted:
            self._reload_wanted = False
            self.reload()

    def _retire(self, worker: Worker, *, grace: float) -> None:
        """Let ``worker`` finish and exit; kill it if it does not."""
        self._retired.add(worker)
        worker.stop(delay=0.0, grace=grace, succeeded=True)
        self._kill_after(worker, grace + _CLOSING)

    def _kill_after(self, worker: Worker, delay: float) -> None:
        def kill() -> None:
            if worker.process.poll() is None:
                self.log.report("process", "", f"worker {worker.slot} did not exit; killed")
                worker.process.kill()

        self._timers.after(delay, kill)

    # The end

    def stop(self) -> None:
        """Let every worker finish and exit; on the second call, make them exit immediately."""
        if self._stopping:
            for worker in self._everybody():
                worker.tell(Message.FORCE)
                self._kill_after(worker, _FORCED_CLOSING)
            return
        self._stopping = True
        self._handover.cancel()
        self._notifier.stopping()
        config = self._current.config
        for worker in self._everybody():
            worker.stop(delay=config.drain_delay, grace=config.grace)
            self._kill_after(worker, config.drain_delay + config.grace + _CLOSING)
        # Later connects are refused immediately, instead of waiting in vain.
        self._timers.after(config.drain_delay, self._close_listeners)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
