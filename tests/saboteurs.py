"""Saboteurs: each plants one fault in a copy of the package, and the suite must notice. A suite that looks honest may not be.

``python tests/saboteurs.py [NAME...]`` plants them all (or those whose names contain a NAME), each in a copy of its own, and runs
against it the tests that are most likely to notice; ends with 1 if a fault survives or cannot be planted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "trioaudio"
SEEDS = 40
A_HANG = ("faulthandler_timeout=10", "faulthandler_exit_on_timeout=true")
"""A test that hangs has noticed, too."""
CHANCE = "--hypothesis-seed=0"
"""A fault that is noticed by luck is noticed on one day and not on the next."""
PATIENCE = 90
"""Seconds for one fault."""
AT_A_TIME = 2

Verdict: TypeAlias = Literal["killed", "SURVIVED", "CANNOT PLANT", "DOES NOT RUN"]


@dataclass(frozen=True)
class Fault:
    """One mistake that somebody might make.

    Args:
        name: what is wrong then.
        module: the file it is planted in.
        before, after: what stands there, exactly once, and what the saboteur makes of it.
        tests: the files of the suite most likely to notice; the first one first.
    """

    name: str
    module: str
    before: str
    after: str
    tests: tuple[str, ...]


RANDOM = "laws/test_random_schedules.py"
LEDGER = "laws/test_law_01_ledger.py"
INTERRUPT = "laws/test_law_02_interrupt.py"
WRITE = "laws/test_law_03_cancel_the_wait.py"
LATE = "laws/test_law_04_late_audio.py"
BOUNDS = "laws/test_law_05_bounds.py"
TIME = "laws/test_law_07_time.py"
TASKS = "laws/test_law_08_owned_tasks.py"
ERRORS = "laws/test_law_09_errors.py"
BROWSER = "wire/test_browser.py"
SLOW = "laws/test_law_10_slow_subscribers.py"
CONVERT = "laws/test_law_11_convert_once.py"
PAUSE = "laws/test_law_12_pause.py"
LIVE = "laws/test_law_13_live.py"
LIVE_SESSION = "test_session_live.py"
UTTERANCES = "audio/test_utterances.py"
GPT_LIVE = "models/test_openai_live.py"
LIVE_QUEUE = "audio/test_live_queue.py"
POLICY = "test_barge_in_policy.py"
BARGE_IN = "test_session_barge_in.py"
BACKGROUND = "test_background.py"
MIX = "audio/test_mix.py"
FILLED = "audio/test_filled_playhead.py"
FADES = "laws/test_law_02_fades.py"
TOOLBOX = "test_toolbox.py"
GOODBYE = "test_goodbye.py"
VERBS = "test_session_verbs.py"
DECISIONS = "laws/test_decisions.py"
DISPATCH = "test_dispatch.py"
INBOX = "test_inbox.py"
SESSION = "test_session.py"
TICKER = "test_ticker.py"
PLAYHEAD = "audio/test_playhead.py"
LINK = "test_link.py"
LINK_SWEEP = "test_link_sweep.py"
SIGNATURE = "wire/test_twilio_signature.py"
TWILIO_WIRE = "wire/test_twilio.py"
TWILIO = "sources/test_twilio.py"
BAD_INPUT = "web/test_bad_input.py"
WEBSOCKET = "web/test_websocket.py"
WEBSOCKET_CODEC = "web/test_websocket_codec.py"

FAULTS = [
    # ---- webhooks of carriers
    Fault(
        "an old webhook of Telnyx's is believed",
        "wire/telnyx_webhook.py",
        "    return abs(int(timestamp) - now) <= tolerance",
        "    return True",
        ("wire/test_carrier_webhooks.py",),
    ),
    Fault(
        "Telnyx's webhooks are believed whoever has signed them",
        "_ed25519.py",
        "        except InvalidSignature:\n            return False",
        "        except InvalidSignature:\n            return True",
        ("web/test_telnyx_calls.py",),
    ),
    Fault(
        "a nonce of Plivo's is good twice",
        "sources/_plivo_listener.py",
        "        if nonce in self._nonces:",
        "        if False:",
        ("web/test_xml_carriers.py",),
    ),
    Fault(
        "a media websocket is opened without a token",
        "sources/_carrier_streams.py",
        "    if exchange.awaits(token):",
        "    if True:",
        ("web/test_xml_carriers.py",),
    ),
    # ---- the door, the flush, the write
    Fault(
        "the door is removed",
        "_outbound/playback.py",
        "            if epoch.over:  # THE DOOR: one synchronous step with the hand-over\n                return None\n",
        "",
        (INTERRUPT, RANDOM),
    ),
    Fault(
        "the start of a turn is told after the door",
        "_outbound/playback.py",
        "            if not turn._started:\n                playout.begin(turn)\n"
        "            if epoch.over:  # THE DOOR: one synchronous step with the hand-over\n                return None\n",
        "            if epoch.over:\n                return None\n            if not turn._started:\n                playout.begin(turn)\n",
        (INTERRUPT, RANDOM),
    ),
    Fault(
        "a step goes on in an epoch that is over",
        "_outbound/playback.py",
        "        while not epoch.over:\n",
        "        while True:\n",
        (TICKER, INTERRUPT),
    ),
    Fault(
        "the flush is lost when the channel closes in the same instant",
        "_outbound/playback.py",
        "                    await self._flush(self._epoch)",
        "                    await (trio.lowlevel.checkpoint() if self._finish else self._flush(self._epoch))",
        (INTERRUPT, TASKS),
    ),
    Fault(
        "an epoch is closed before it is cancelled",
        "_outbound/epoch.py",
        '        self.scope.cancel("interrupted")  # before close: a parked receiver must get Cancelled, not ClosedResourceError\n'
        "        self.outbox.close()",
        '        self.outbox.close()\n        self.scope.cancel("interrupted")',
        (INTERRUPT, RANDOM),
    ),
    Fault(
        "the playback task begins with the newest epoch",
        "_outbound/playback.py",
        "            self._sound = None\n            with self._epoch.scope:",
        "            self._epoch = self._playout.epoch\n            self._sound = None\n            with self._epoch.scope:",
        (INTERRUPT,),
    ),
    Fault("writes are not shielded", "_outbound/playback.py", "deadline=deadline, shield=True)", "deadline=deadline)", (WRITE, RANDOM)),
    Fault(
        "writes have no deadline",
        "_outbound/playback.py",
        "trio.CancelScope(deadline=deadline, shield=True)",
        "trio.CancelScope(shield=True)",
        (WRITE,),
    ),
    Fault(
        "closing does not shorten the patience with the far end",
        "_outbound/playback.py",
        "            self._patience.deadline = min(self._patience.deadline, deadline)",
        "            pass",
        (TASKS,),
    ),
    Fault("a clear is never sent", "_outbound/playback.py", "            if epoch.must_clear:", "            if False:", (INTERRUPT,)),
    Fault(
        "a frame is lost when the source would block",
        "_outbound/playback.py",
        "            except trio.WouldBlock:\n                return None\n            if sound",
        "            except trio.WouldBlock:\n                epoch.held = None\n                return None\n            if sound",
        (LEDGER, WRITE, RANDOM),
    ),
    Fault(
        "a frame is converted again after it would have blocked", "_outbound/playback.py", "if turn._wire is None:", "if True:", (WRITE,)
    ),
    Fault(
        "the end of a converted turn stays in the converter",
        "_outbound/playout.py",
        "        if turn._converter is not None and turn._accepted:\n            epoch.outbox.put(turn, None)\n",
        "",
        (CONVERT,),
    ),
    # ---- ledgers
    Fault(
        "a frame that was taken is not queued any more",
        "_outbound/playback.py",
        "                epoch.held = epoch.outbox.take()\n",
        "                epoch.held = epoch.outbox.take()\n"
        "                if epoch.held and epoch.held[1]:\n"
        "                    epoch.held[0]._queued -= epoch.held[1].num_samples\n",
        (LEDGER, RANDOM),
    ),
    Fault(
        "the door is shut before the position is taken",
        "_outbound/interruptions.py",
        "        for turn in stopped:  # first the position, of all of them\n"
        "            turn._flushed = turn._sent - turn._heard() if can_forget else 0\n"
        "        for turn in stopped:  # then the door\n"
        "            turn._shut()\n",
        "        for turn in stopped:\n"
        "            turn._shut()\n"
        "        for turn in stopped:\n"
        "            turn._flushed = turn._sent - turn._heard() if can_forget else 0\n",
        (LEDGER, RANDOM),
    ),
    Fault(
        "what cannot be cleared counts as flushed",
        "_outbound/interruptions.py",
        " if can_forget else 0\n",
        "\n",
        (LEDGER, INTERRUPT),
    ),
    Fault(
        "what cannot be cleared is forgotten by the next epoch",
        "_outbound/playout.py",
        "        silent_from = now if old.must_clear else max(now, old.playhead.horizon)",
        "        silent_from = now",
        (INTERRUPT, LEDGER),
    ),
    Fault(
        "what was dropped is not counted",
        "_outbound/turn.py",
        "        self._dropped += self._queued\n",
        "",
        (LEDGER, RANDOM),
    ),
    Fault(
        "what has been told of as heard is taken back", "_outbound/turn.py", "if self._over or self._told or", "if self._over or", (LEDGER,)
    ),
    Fault(
        "the evidence is always exact",
        "_outbound/positions.py",
        "        if self._playout.far_end.ear:\n            return True\n        if turn",
        "        return True\n        if turn",
        (LEDGER,),
    ),
    Fault(
        "the end of a turn is told twice",
        "_outbound/lineup.py",
        "        for turn in played:\n            if turn._accepted:\n",
        "        for turn in played * 2:\n            if turn._accepted:\n",
        (LEDGER, RANDOM),
    ),
    Fault(
        "a turn is told of only when all is silent",
        "_outbound/playback.py",
        "            if end <= now:\n",
        "            if end <= now and playhead.horizon <= now:\n",
        (f"{LEDGER}::test_a_turn_is_told_of_when_it_has_been_heard_though_others_go_on",),
    ),
    Fault(
        "a turn without audio is never forgotten, nor told of those after it",
        "_outbound/lineup.py",
        "return -math.inf if turn._first is None else epoch",
        "return math.inf if turn._first is None else epoch",
        (DECISIONS, LEDGER, RANDOM),
    ),
    # ---- positions
    Fault(
        "late reports are believed",
        "_outbound/positions.py",
        "        elif played.clears != playout.clears:\n",
        "        elif False:\n",
        (LATE, LEDGER),
    ),
    Fault(
        "a settlement believes reports of any generation",
        "_outbound/interruptions.py",
        "            if settlement.generation == played.clears and settlement",
        "            if settlement",
        (LEDGER, RANDOM, LATE),
    ),
    Fault(
        "after a clear samples are counted on",
        "_outbound/playout.py",
        "        self.clears += 1\n        self._handed = 0\n",
        "        self.clears += 1\n",
        (LEDGER,),
    ),
    Fault(
        "an epoch counts reports from the last clear, whoever spoke since",
        "_outbound/playout.py",
        "            epoch.base = self._handed\n        if turn",
        "            epoch.base = 0\n        if turn",
        (LEDGER,),
    ),
    Fault(
        "the far end's answer to the clear is not waited for",
        "_outbound/interruptions.py",
        "            answers = far_end.reports and",
        "            answers = False and far_end.reports and",
        (LEDGER, INTERRUPT),
    ),
    Fault(
        "the far end's answer is waited for without end",
        "_channel_life.py",
        "        with trio.move_on_after(self._timeouts.settle):\n",
        "        with trio.move_on_after(1e9):\n",
        (INTERRUPT,),
    ),
    Fault(
        "the far end's answer is not exact",
        "_outbound/settlement.py",
        "turn._exact = turn._exact or (final and not turn._guessed)",
        "pass",
        (LEDGER,),
    ),
    Fault(
        "the far end's answer is not waited for when the channel closes",
        "_channel_life.py",
        "            await self._playout.interruptions.wait_settled()\n",
        "",
        (INTERRUPT,),
    ),
    Fault(
        "nobody settles when the playback task has failed",
        "_channel_life.py",
        "            self._playout.interruptions.settle_unflushed()\n",
        "",
        (TICKER, ERRORS),
    ),
    Fault(
        "reports take back what was reported",
        "audio/_playhead.py",
        "max(num_samples, self.reported or num_samples)",
        "num_samples",
        (PLAYHEAD, LEDGER),
    ),
    Fault(
        "the horizon never begins anew",
        "audio/_playhead.py",
        "start = max(self.horizon, now)",
        "start = self.horizon",
        (f"{PLAYHEAD}::test_after_a_pause_it_begins_anew", LEDGER),
    ),
    Fault(
        "the horizon always begins anew",
        "audio/_playhead.py",
        "start = max(self.horizon, now)",
        "start = now",
        (f"{PLAYHEAD}::test_a_frame_is_due_a_lead_before_the_horizon", TIME),
    ),
    Fault("the lead may be less than a frame", "_outbound/playout.py", "max(self.far_end.lead, PTIME)", "self.far_end.lead", (TIME,)),
    Fault(
        "a long chunk is handed over whole",
        "_outbound/playout.py",
        "        return round(self._chunk * format.rate)",
        "        return 10**9",
        (TIME, BOUNDS),
    ),
    Fault("short ends of chunks are handed over as they are", "_outbound/playout.py", "joins=self._cut)", "joins=False)", (LEDGER,)),
    # ---- producers
    Fault(
        "blocked producers are not woken by an interruption",
        "_outbound/interruptions.py",
        "        playout.room.wake_all()\n        playout.positions.moved()\n        return settlement\n",
        "        playout.positions.moved()\n        return settlement\n",
        (INTERRUPT,),
    ),
    Fault(
        "room that is made is told to nobody",
        "_outbound/playout.py",
        "        if self.room.num_blocked:\n            self.room.pass_baton()\n",
        "",
        (BOUNDS, INTERRUPT),
    ),
    Fault(
        "a producer that was given room does not pass the rest on",
        "_outbound/turn.py",
        "        finally:\n            self._playout.room.pass_baton()\n",
        "        finally:\n            pass\n",
        (BOUNDS, WRITE, RANDOM),
    ),
    Fault(
        "the block of a turn is left with an error when it had just been given room",
        "_outbound/turn.py",
        "            if self._over:\n                await",
        "            if False:\n                await",
        (INTERRUPT,),
    ),
    Fault(
        "late audio is accepted",
        "_outbound/turn.py",
        "        if self._over or self._ended:\n            self._late",
        "        if False:\n            self._late",
        (LATE, RANDOM),
    ),
    Fault(
        "an ended turn accepts more",
        "_outbound/turn.py",
        "        if self._over or self._ended:\n            self._late",
        "        if self._over:\n            self._late",
        (LATE,),
    ),
    Fault(
        "starting a turn does not end the one before it",
        "_outbound/lineup.py",
        "            self.current.end()\n",
        "            pass\n",
        (LATE, DECISIONS),
    ),
    Fault(
        "audio without a turn enters somebody's",
        "_outbound/playout.py",
        "            self.lineup.implicit = self.turn(None, None)",
        "            self.lineup.implicit = self.lineup.current or self.turn(None, None)",
        (DECISIONS,),
    ),
    Fault(
        "an implicit turn never ends",
        "_outbound/lineup.py",
        " if turn is self.implicit else math.inf",
        " if False else math.inf",
        (DECISIONS,),
    ),
    Fault(
        "a turn has no bound",
        "_outbound/turn.py",
        "        if not self.ended and self._queued + frame",
        "        if False and self._queued + frame",
        (BOUNDS,),
    ),
    Fault("each refusal is told of", "_outbound/turn.py", "report=first)", "report=True)", (BOUNDS,)),
    Fault(
        "wait_played waits for what is accepted later, too",
        "_outbound/positions.py",
        "while pending := [(turn, mark) for turn, mark in marks if not turn._over and turn._heard() < mark]:",
        "while pending := [(turn, turn._accepted) for turn, _ in marks if not turn._over and turn._heard() < turn._accepted]:",
        (DECISIONS,),
    ),
    Fault(
        "who waits for a turn to be heard is not told of reports",
        "_outbound/positions.py",
        "played.samples - playout.epoch.base, trio.current_time())\n            self.moved()\n",
        "played.samples - playout.epoch.base, trio.current_time())\n",
        (DECISIONS, LEDGER),
    ),
    # ---- pauses and fades
    Fault(
        "what was handed over is not kept for a lead",
        "_outbound/playout.py",
        "        kept.append((sent + wire.num_samples, turn, wire))",
        "        kept[:] = [(sent + wire.num_samples, turn, wire)]",
        (PAUSE, RANDOM),
    ),
    Fault(
        "what is put back is put behind what waits",
        "_outbound/outbox.py",
        "        self._back.appendleft((turn, frame))\n        self._resumed",
        "        self._back.append((turn, frame))\n        self._resumed",
        (RANDOM, PAUSE),
    ),
    Fault(
        "what was taken back still counts as sent",
        "_outbound/pause.py",
        "turn._sent, turn._wire_sent = heard, wire",
        "turn._wire_sent = wire",
        (PAUSE,),
    ),
    Fault(
        "what was heard already is heard again",
        "_outbound/pause.py",
        "wire if start >= self.position else wire.cut(self.position - start, wire.num_samples)",
        "wire",
        (PAUSE, RANDOM),
    ),
    Fault(
        "the far end's last word does not correct a pause",
        "_outbound/pause.py",
        "        self.take_back(position, exact=final)\n",
        "",
        (PAUSE,),
    ),
    Fault(
        "a pause goes on before the far end has said its last word",
        "_outbound/pause.py",
        "        self.answered: bool = generation is None or not reports",
        "        self.answered: bool = True",
        (PAUSE,),
    ),
    Fault(
        "the far end's last word on a pause is waited for without end",
        "_outbound/pauses.py",
        "suspension.answered or now >= patience",
        "suspension.answered",
        (PAUSE,),
    ),
    Fault(
        "a pause that is over resumes the epoch after it",
        "_outbound/playback.py",
        "        if epoch.over:  # in the instant in which it would have gone on\n            await trio.lowlevel.checkpoint()\n",
        "",
        (PAUSE, RANDOM),
    ),
    Fault(
        "a pause has no deadline",
        "_outbound/pauses.py",
        "        if now >= suspension.pause.resume_at:\n            self.reject(suspension.pause)\n",
        "",
        (PAUSE,),
    ),
    Fault(
        "a second pause begins anew",
        "_outbound/pauses.py",
        "        if current is not None and current.outcome is None:\n            return current\n",
        "",
        (PAUSE,),
    ),
    Fault(
        "a pause that was confirmed forgets what the far end had",
        "_outbound/pause.py",
        "            position.undo(self.epoch, exact=self.exact)\n",
        "            pass\n",
        (PAUSE, RANDOM),
    ),
    Fault(
        "a pause that was confirmed is settled for another clear",
        "_outbound/pause.py",
        "Settlement(self.epoch, turns, now, self.generation)",
        "Settlement(epoch, turns, now, clears)",
        (PAUSE, RANDOM),
    ),
    Fault(
        "a recording learns of a pause only when it is over",
        "_outbound/pauses.py",
        "            self._cut_short(suspension)\n",
        "",
        (PAUSE,),
    ),
    Fault(
        "what was converted before a pause is converted again",
        "_outbound/playback.py",
        "if turn._converter is None or turn._again:",
        "if turn._converter is None:",
        (PAUSE,),
    ),
    Fault(
        "a paced far end gets what was taken back in pieces",
        "_outbound/outbox.py",
        "self._topped_up(turn, frame, back) if self._joins else frame",
        "frame",
        (PAUSE,),
    ),
    Fault(
        "producers are woken by a pause",
        "_outbound/pauses.py",
        "        self._playout.epoch.suspension = self.suspension = suspension\n",
        "        self._playout.epoch.suspension = self.suspension = suspension\n"
        "        for turn in self._playout.lineup:\n"
        "            turn._scope.cancel()\n",
        (PAUSE,),
    ),
    Fault(
        "nothing is faded in after a pause",
        "_outbound/pauses.py",
        "        if resumed and self._playout.limits.fade:\n",
        "        if False:\n",
        (FADES,),
    ),
    Fault(
        "nothing is faded out",
        "_outbound/interruptions.py",
        "            wire, background = fade_out(turn._to_wire(head)),",
        "            wire, background = turn._to_wire(head),",
        (FADES,),
    ),
    Fault(
        "a closing fade is not handed over",
        "_outbound/playback.py",
        "            if epoch.closing is not None:\n",
        "            if False:\n",
        (INTERRUPT, FADES),
    ),
    Fault(
        "a closing fade is not counted",
        "_outbound/interruptions.py",
        "            playout.handed_over(epoch, turn, head.num_samples, wire, now, epoch.closing)\n",
        "",
        (INTERRUPT, LEDGER),
    ),
    Fault(
        "a fade is not soft",
        "audio/_fade.py",
        "np.sin(np.linspace(0, np.pi / 2, num_samples + 2)[1:-1]) ** 2",
        "np.linspace(0.5, 1, num_samples)",
        (FADES,),
    ),
    Fault(
        "what is confirmed after a pause fades once more",
        "_outbound/interruptions.py",
        "        paused = playout.pauses.suspension is not None  # it is silent already",
        "        paused = False",
        (PAUSE, FADES),
    ),
    # ---- a background
    Fault(
        "what is too loud wraps",
        "audio/_mix.py",
        "np.clip(total, -32_768, 32_767).astype(np.int16)",
        "total.astype(np.int16)",
        (MIX, BACKGROUND),
    ),
    Fault("a loop has a seam", "audio/_mix.py", "scaled[-seam:] * (1 - rise)", "0", (MIX,)),
    Fault(
        "a background jumps when the far end is cleared",
        "_outbound/backdrop.py",
        "            self.loop.go_back(epoch.playhead.ahead(now))\n",
        "            pass\n",
        (BACKGROUND,),
    ),
    Fault(
        "a background stops at a pause",
        "_outbound/playback.py",
        "math.inf if self._backdrop.loop is None else self._fill(epoch)\n            if background",
        "math.inf\n            if background",
        (BACKGROUND,),
    ),
    Fault(
        "what fills the silence counts as said",
        "audio/_filled_playhead.py",
        "        self.filled += num_samples\n",
        "        self.sent += num_samples\n",
        (FILLED, BACKGROUND, RANDOM),
    ),
    Fault(
        "with a background, what follows forgets what still sounds",
        "_outbound/playout.py",
        "silent_from = now if old.must_clear else max",
        "silent_from = now if self.far_end.can_clear else max",
        (RANDOM, BACKGROUND),
    ),
    Fault(
        "a recording has only what was said",
        "_outbound/playout.py",
        "wire if sound is None else sound, start",
        "wire, start",
        (BACKGROUND,),
    ),
    Fault(
        "nothing sounds under what is said",
        "_outbound/playback.py",
        "                sound = self._mixed(wire, self._backdrop.loop)",
        "                pass",
        (BACKGROUND,),
    ),
    # ---- who interrupts
    Fault(
        "the answer to what interrupted is stopped as well",
        "_sessions/caller.py",
        "            if begun_before or response_id in (None, session._answers.current):\n",
        "            if True:\n",
        (BARGE_IN,),
    ),
    Fault(
        "however short it is, speech interrupts",
        "_sessions/barge_in_policy.py",
        ">= self.rules.min_speech_ms / 1000 - 1e-9",
        ">= 0",
        (POLICY,),
    ),
    Fault(
        "speech that goes on has another effect",
        "_sessions/barge_in_policy.py",
        '        if self.state == "silent":\n            self._become("waiting")\n',
        '        self.state = "waiting"\n',
        (POLICY, BARGE_IN),
    ),
    Fault(
        "a cough is an interruption",
        "_sessions/barge_in_policy.py",
        "            if self.rules.min_speech_ms and not self._long_enough(now):\n                self._let_go()",
        "            if self.rules.min_speech_ms and not self._long_enough(now):\n                self._stop()",
        (POLICY,),
    ),
    Fault(
        "the silence after speech counts as speech",
        "_sessions/barge_in_policy.py",
        '            return self._ears["local"].spoken\n',
        '            return now - self._ears["local"].since\n',
        (POLICY,),
    ),
    Fault("what is protected is stopped", "_sessions/barge_in_policy.py", "if self._stage.protected() or (", "if (", (POLICY, BARGE_IN)),
    Fault(
        "the beginning is not protected", "_sessions/barge_in_policy.py", "        if protected > 0:\n", "        if False:\n", (POLICY,)
    ),
    Fault(
        "who speaks past the protected beginning is not heard",
        "_sessions/barge_in_policy.py",
        "            self.deadline = now + protected  # at the earliest",
        '            self._become("let go")',
        (POLICY,),
    ),
    Fault(
        "a pause goes on while somebody speaks",
        "_sessions/barge_in_policy.py",
        "if self.rules.min_speech_ms else math.inf\n\n    def _long",
        "if True else math.inf\n\n    def _long",
        (POLICY,),
    ),
    Fault("a pause outlives its session", "_sessions/session.py", "            self._referee.policy.close()\n", "", (BARGE_IN,)),
    Fault(
        "nobody keeps the time of a policy",
        "_sessions/referee.py",
        "            self.policy.pass_time(trio.current_time())\n",
        "",
        (BARGE_IN,),
    ),
    Fault(
        "the model interrupts although the session decides", "_sessions/conversation.py", "interrupt=False)", "interrupt=True)", (BARGE_IN,)
    ),
    Fault(
        "an answer that the model stops silences what the session protects",
        "_sessions/reader.py",
        " and not self._referee.decides:  # else",
        ":  # else",
        (BARGE_IN,),
    ),
    Fault(
        "an answer of which nothing was heard goes on",
        "_sessions/referee.py",
        "if self._session._referee.decides or not interruption.turns:",
        "if self._session._referee.decides:",
        (BARGE_IN,),
    ),
    # ---- interruptions
    Fault(
        "between turns no clear is sent",
        "_outbound/interruptions.py",
        "        return now if self._playout.far_end.ear else now - STALE",
        "        return now",
        (DECISIONS,),
    ),
    Fault(
        "between turns a clear is sent whatever is known",
        "_outbound/interruptions.py",
        "        return now if self._playout.far_end.ear else now - STALE",
        "        return now - STALE",
        (DECISIONS,),
    ),
    Fault(
        "what a listener says during an interruption is interrupted",
        "_outbound/interruptions.py",
        "        settlement = self.stop(now, self.silent_since(now))\n        playout.lineup.tell_played(played)",
        "        playout.lineup.tell_played(played)\n        settlement = self.stop(now, self.silent_since(now))\n        pass",
        (DECISIONS,),
    ),
    Fault(
        "an interruption of nothing is true",
        "_outbound/settlement.py",
        "return any(receipt.lost for receipt in self.turns)",
        "return True",
        (INTERRUPT,),
    ),
    # ---- the timekeeper
    Fault(
        "a cancelled channel stays in the ticker",
        "_ticker.py",
        "            self._unpark(me)  # inside scope.cancel() itself: from here on no step of ours is made\n",
        "",
        (TICKER, INTERRUPT, RANDOM),
    ),
    Fault(
        "the ticker's role is not handed on",
        "_ticker.py",
        "                reschedule(self._keeper.task)\n",
        "                pass\n",
        (TICKER,),
    ),
    Fault(
        "a step's error is raised in the keeper's task",
        "_ticker.py",
        "            due, error = None, outcome.Error(exc)\n",
        "            raise\n",
        (TICKER,),
    ),
    Fault(
        "a step may be made twice in one slot",
        "_ticker.py",
        "max(_slot_of(due), next_slot)",
        "_slot_of(due)",
        (f"{TIME}::test_a_due_time_within_rounding_of_its_slot_does_not_spin",),
    ),
    Fault(
        "who parks with an earlier due time does not move the alarm",
        "_ticker.py",
        "            self._alarm.deadline = slot * SLOT + PHASE\n",
        "            pass\n",
        (TICKER,),
    ),
    # ---- the end
    Fault("closing has no deadline", "_channel_life.py", "        self._service.deadline = deadline\n", "", (TASKS,)),
    Fault(
        "closing cancels the body",
        "_channel_life.py",
        "        self._closing.set()\n",
        "        self._closing.set()\n        self._block._body.cancel()\n",
        (TASKS,),
    ),
    Fault("closing does not wake an idle playback task", "_outbound/playout.py", "        self.epoch.end()  #", "        #", (TASKS,)),
    Fault(
        "the goodbye is not said", "_channel_life.py", "            await self._served(self._source.hang_up)", "            pass", (TASKS,)
    ),
    Fault(
        "a far party that hung up is told goodbye",
        "_channel_life.py",
        "        if not self._playout.far_end_gone:\n",
        "        if True:\n",
        (ERRORS,),
    ),
    Fault(
        "hang_up does not wait until all is heard",
        "_channel.py",
        "            await self.wait_heard()\n        self.close()",
        "            pass\n        self.close()",
        (DECISIONS,),
    ),
    Fault(
        "hang_up waits without end",
        "_channel.py",
        "with trio.move_on_after(self._timeouts.hang_up):",
        "with trio.move_on_after(1e9):",
        (DECISIONS,),
    ),
    Fault(
        "a hang-up is not an event",
        "_channel_life.py",
        "            self._dispatch.emit(Hangup(reason.error))\n",
        "",
        (ERRORS,),
    ),
    Fault(
        "a plugin's bug is taken for the world's",
        "_channel_life.py",
        "            self.fail(exc)\n",
        '            self._far_end_left(CloseReason("broken", exc))\n',
        (ERRORS,),
    ),
    Fault(
        "the body's error comes out in a group",
        "_block.py",
        "        if self._errors:\n",
        "        if self._errors or body_error:\n",
        (ERRORS,),
    ),
    Fault("a listener's error does not end the body", "_block.py", "        self._body.cancel(", "        str(", (ERRORS,)),
    # ---- events
    Fault(
        "a listener's error leaves emit",
        "_dispatch.py",
        "        except Exception as exc:  # noqa: BLE001 - law 9: emit never raises a listener's error\n",
        "        except ZeroDivisionError as exc:\n",
        (ERRORS,),
    ),
    Fault(
        "an event emitted by a listener is delivered in its midst",
        "_dispatch.py",
        "        if not self._busy:\n",
        "        if True:\n",
        (DISPATCH,),
    ),
    Fault(
        "a circle of listeners is not bounded",
        "_dispatch.py",
        "        return self._chain > limit",
        "        return self._chain > 100 * limit",
        (DISPATCH,),
    ),
    Fault(
        "once calls until the event has been delivered",
        "_dispatch.py",
        "        if entry.once:\n            self._forget(entry)\n        if entry.subscription is None:\n            self._call(entry, event)\n",
        "        if entry.subscription is None:\n            self._call(entry, event)\n"
        "        if entry.once and not self._pending:\n            self._forget(entry)\n",
        (DISPATCH,),
    ),
    Fault(
        "a listener that was removed meanwhile is called",
        "_dispatch.py",
        "            if entry in self._entries.get(name, ()):",
        "            if True:",
        (DISPATCH,),
    ),
    Fault(
        "a def that returns an awaitable passes",
        "_dispatch.py",
        "            if inspect.isawaitable(result):",
        "            if False:",
        (DISPATCH,),
    ),
    Fault(
        "the gap in a subscription's audio is not shown",
        "_subscription.py",
        "Audio(event.frame, self._gap), 0",
        "Audio(event.frame, 0), 0",
        (SLOW,),
    ),
    Fault("a subscription that lags is silently thinned", "_subscription.py", "            raise SubscriberLagged(missed)\n", "", (SLOW,)),
    Fault("a subscription has no bound", "_subscription.py", "> self._limits.control_events:", "> 10**9:", (SLOW,)),
    # ---- the caller's audio
    Fault("muted audio is heard", "_hearing.py", "        if self.muted:\n", "        if False:\n", (INBOX,)),
    Fault(
        "the inbox drops the newest",
        "_inbox.py",
        "        self._samples += frame.num_samples\n        self._frames_send.send_nowait(frame)\n",
        "        if self._samples + frame.num_samples > self._bound * frame.format.rate and self._samples:\n"
        "            return self._drop(Frame.silence(0, frame.format))\n"
        "        self._samples += frame.num_samples\n        self._frames_send.send_nowait(frame)\n",
        (INBOX,),
    ),
    Fault(
        "all is kept until somebody reads", "_inbox.py", "        self._bound = limits.preroll\n", "        self._bound = 60.0\n", (INBOX,)
    ),
    Fault("each dropped frame is told of", "_inbox.py", "first, self._dropping = not self._dropping, True", "first = True", (INBOX,)),
    Fault("there may be two readers", "_inbox.py", "        if first is not None and not first.closed:\n", "        if False:\n", (INBOX,)),
    Fault(
        "a closed reader keeps others away", "_inbox.py", "if first is not None and not first.closed:", "if first is not None:", (INBOX,)
    ),
    Fault(
        "a caller is forgotten while the model connects",
        "_sessions/open_session.py",
        "iterate(limits.start_audio)",
        "iterate()",
        (SESSION,),
    ),
    Fault(
        "what is kept for a session that starts has no end",
        "_inbox.py",
        "        self._dropping = self._patient = False\n        self._bound = self._limits.inbound\n",
        "        self._dropping = False\n",
        (SESSION,),
    ),
    # ---- tools and goodbyes
    Fault(
        "a reply is asked for before the answer that called is over",
        "_sessions/toolbox.py",
        "if batch.over and not batch.running:",
        "if not batch.running:",
        (TOOLBOX,),
    ),
    Fault(
        "a reply is asked for before all results are there",
        "_sessions/toolbox.py",
        "if batch.over and not batch.running:",
        "if batch.over:",
        (TOOLBOX,),
    ),
    Fault(
        "an answer whose end is never told waits for ever",
        "_sessions/toolbox.py",
        "for batch in [batch for batch in self._batches.values() if batch.response_id != response_id]:",
        "for batch in []:",
        (TOOLBOX,),
    ),
    Fault(
        "a call that comes twice is made twice",
        "_sessions/toolbox.py",
        "if self._stopped or call.call_id in self._known:",
        "if self._stopped:",
        (TOOLBOX,),
    ),
    Fault("tools have no deadline", "_sessions/toolbox.py", "with trio.move_on_after(seconds):", "with trio.CancelScope():", (TOOLBOX,)),
    Fault(
        "a far end's own word is not waited for",
        "_outbound/positions.py",
        "silent = playout.closed_by is not None or not playout.far_end.reports",
        "silent = True",
        (GOODBYE,),
    ),
    Fault(
        "a goodbye can be interrupted",
        "_sessions/session.py",
        "return self._parting.has_begun or self._mouth.protected",
        "return self._mouth.protected",
        (GOODBYE,),
    ),
    Fault(
        "who has said goodbye is asked for another",
        "_sessions/tool_desk.py",
        "if told and not (session._parting.has_begun and session._answers.has_sounded(response_id)):",
        "if told:",
        (GOODBYE,),
    ),
    Fault(
        "a goodbye ends with its making",
        "_sessions/parting.py",
        "while not (toolbox.idle and answers.idle):",
        "while not answers.idle:",
        (GOODBYE,),
    ),
    Fault(
        "what must be heard is protected only while it is made",
        "_sessions/mouth.py",
        "self._protected is not None or bool(self._protected_turns)",
        "self._protected is not None",
        (VERBS,),
    ),
    Fault(
        "an answer of the model's own is protected",
        "_sessions/answers.py",
        "if self._asked and event.requested is not False",
        "if self._asked",
        (VERBS,),
    ),
    # ---- live turns
    Fault(
        "a live turn is given the lead of the far end",
        "_outbound/playback.py",
        "            if epoch.held is not None and epoch.held[0].live:",
        "            if False:",
        (LIVE, RANDOM),
    ),
    Fault(
        "all that a live turn has waiting is kept",
        "audio/_live_queue.py",
        "self._drop_oldest() if self.num_samples > self._bound else 0",
        "0",
        (LIVE_QUEUE, LIVE),
    ),
    Fault(
        "speech is dropped before silence",
        "audio/_live_queue.py",
        "        self._surplus -= silent\n",
        "        silent = 0\n",
        (LIVE, LIVE_QUEUE),
    ),
    Fault(
        "the newest audio of a live turn is dropped",
        "audio/_live_queue.py",
        "            dropped += self.pop().num_samples\n",
        "            dropped += (last := self._pieces.pop().frame.num_samples)\n            self.num_samples -= last\n",
        (LIVE,),
    ),
    Fault(
        "what a live turn drops is not counted",
        "_outbound/live_turn.py",
        "        self._dropped += silent + spoken\n",
        "",
        (LIVE, RANDOM),
    ),
    Fault(
        "a standing delay is never made up for",
        "audio/_live_queue.py",
        "            self._surplus = int(self._least) - self._aim\n",
        "",
        (LIVE, LIVE_QUEUE),
    ),
    Fault(
        "what has just come counts as a standing delay",
        "audio/_live_queue.py",
        "min(self._least, self.num_samples)",
        "min(self._least, self.num_samples + num_samples)",
        (LIVE_QUEUE,),
    ),
    Fault(
        "who waits for a live turn to be heard waits for what was dropped too",
        "_outbound/positions.py",
        "        return turn._sent\n",
        "        return mark\n",
        (LIVE, RANDOM),
    ),
    Fault(
        "a live turn stands in line once for each delta",
        "_outbound/live_turn.py",
        "        if not self._line.num_samples:\n",
        "        if True:\n",
        (LIVE,),
    ),
    Fault(
        "each piece of speech that a live turn drops is told of",
        "_outbound/live_turn.py",
        "        first, self._reported = not self._reported, True\n",
        "        first = True\n",
        (LIVE,),
    ),
    # ---- a model that is lost
    Fault(
        "a lost model is asked again at once, without end",
        "_sessions/mender.py",
        "while self._attempts < self._rules.attempts and self._choose(cause):",
        "while self._choose(cause):",
        (LINK,),
    ),
    Fault(
        "a connection that breaks again and again is always a new outage",
        "_sessions/mender.py",
        "if outage.connection.since + STEADY <= outage.began or outage.planned:",
        "if True:",
        (LINK,),
    ),
    Fault("who was refused asks again", "_sessions/mender.py", "            self._refused.add(spec)\n", "            pass\n", (LINK,)),
    Fault(
        "a frame that could not be sent is lost",
        "_sessions/link.py",
        "        self._audio.keep(frame, taken=False)\n        connection.write_failed",
        "        connection.write_failed",
        (LINK, LINK_SWEEP),
    ),
    Fault(
        "what was kept goes to a connection after it has become the current one",
        "_sessions/link.py",
        "            number = self._audio.beginning\n",
        "            self._become_current(connection)\n            number = self._audio.beginning\n",
        (LINK,),
    ),
    Fault(
        "an agent's answer is told whole, heard or not",
        "_sessions/history.py",
        "text = words_heard(self.text, share)",
        "text = self.text",
        (LINK,),
    ),
    Fault(
        "the next connection is told to cut an item of the last one",
        "_sessions/relay.py",
        "            if connection.has_item(item_id):\n",
        "            if True:\n",
        (LINK,),
    ),
    Fault(
        "a result goes to a connection that knows of no such call",
        "_sessions/recovery.py",
        "            if connection.conversation == conversation:\n",
        "            if True:\n",
        (LINK, LINK_SWEEP),
    ),
    Fault(
        "a result is told in words although it was told with what went before",
        "_sessions/recovery.py",
        " if call_id not in connection.told}",
        "}",
        (LINK, LINK_SWEEP),
    ),
    Fault(
        "a request of which nothing was heard is forgotten",
        "_sessions/answers.py",
        "*(asked for asked in self._asked if asked.told)",
        "",
        (LINK,),
    ),
    Fault(
        "a change is made whoever speaks",
        "_sessions/recovery.py",
        "return not waits and not self._caller_speaks and session.channel.current_turn is None",
        "return True",
        (LINK,),
    ),
    Fault(
        "the old connection is dropped before another one is there",
        "_sessions/mender.py",
        "            if token is None:\n                self._standby",
        "            if token is None:\n                old.close(0)\n                self._standby",
        (LINK,),
    ),
    Fault(
        "a live model is sent no silence",
        "_sessions/full_duplex.py",
        "        self._feed_silence(trio.current_time())\n",
        "",
        (LIVE_SESSION,),
    ),
    Fault(
        "a live model is sent all silence that was late",
        "_sessions/full_duplex.py",
        "        return self._fed_until > trio.current_time() + AHEAD and level(frame) < QUIET",
        "        return False",
        (LIVE_SESSION,),
    ),
    Fault(
        "an utterance that is interrupted is told of as complete",
        "_sessions/full_duplex.py",
        'self._turns.end("cancelled")',
        "()",
        (LIVE_SESSION,),
    ),
    Fault("a click is an utterance", "audio/_utterances.py", "ONSET = 2\n", "ONSET = 1\n", (UTTERANCES,)),
    Fault(
        "what a live model says is given a lead",
        "_sessions/inferred_turns.py",
        "self._item, live=True)",
        "self._item)",
        (LIVE_SESSION, LIVE),
    ),
    # ---- what goes to OpenAI
    Fault(
        "a message that found no room is lost",
        "_message_line.py",
        "                self._websocket.send_nowait(self._waiting[0])\n                self._waiting.popleft()",
        "                self._websocket.send_nowait(self._waiting.popleft())",
        ("test_message_line.py",),
    ),
    Fault(
        "a frame that found no room counts twice",
        "models/_openai_connection.py",
        "            self.wire.not_appended(frame)\n",
        "            pass\n",
        ("models/test_openai.py",),
    ),
    Fault(
        "an answer counts as the one that was asked for, whatever its tag",
        "wire/_openai/gate.py",
        'self.state == "requested" and not self._tags_come_back',
        'self.state == "requested"',
        ("wire/test_openai_gate.py",),
    ),
    Fault(
        "an aside that nobody waits for is taken for an answer",
        "wire/_openai/asides.py",
        "return tag if tag in self._open or tag in self._forgotten else None",
        "return tag if tag in self._open else None",
        ("wire/test_openai_asides.py",),
    ),
    Fault(
        "whoever waits for an aside is left alone when the connection breaks",
        "models/_openai_connection.py",
        "            self._give_up_asides()\n            if",
        "            if",
        ("models/test_openai_verbs.py",),
    ),
    Fault(
        "the server is told of more than was heard",
        "wire/_openai/ledger.py",
        "return list(self._cuts(item, heard))",
        "return list(self._cuts(item, heard + 1_200))",
        ("wire/test_openai_truncation.py", "models/test_openai_holds.py"),
    ),
    Fault(
        "the gate is shut by what the caller did not say",
        "wire/_openai/input.py",
        '        self._stopped[name_or_none(message, "item_id") or ""] = None\n        self._gate.speech_stopped(self._answered)\n        return []',
        "        return []",
        ("wire/test_openai_gate.py",),
    ),
    Fault(
        "GPT-Live is not asked to put its session away",
        "models/openai_live.py",
        "            await opened._put_away()\n",
        "            await trio.lowlevel.checkpoint()\n",
        (GPT_LIVE,),
    ),
    Fault(
        "the service is told of two formats as of one",
        "models/openai_live.py",
        "events if self._converter is None else map(self._converted, events)",
        "events",
        (GPT_LIVE,),
    ),
    Fault(
        "what was delegated is answered to nobody",
        "wire/openai_live.py",
        "content=piece, delegation_id=delegation_id)",
        "content=piece, delegation_id=None)",
        (GPT_LIVE,),
    ),
    Fault(
        "an error during a call ends it",
        "wire/openai_live.py",
        'self.phase == "starting" or error.meaning == "fatal"',
        "True",
        (GPT_LIVE,),
    ),
    # ---- telephones
    Fault(
        "a form is signed in the order in which it came",
        "wire/twilio_signature.py",
        "for name in sorted(values) for value in sorted(values[name])",
        "for name in values for value in sorted(values[name])",
        (SIGNATURE,),
    ),
    Fault(
        "a frame overtakes one that a model had no room for",
        "_sessions/caller.py",
        "        if self._appending or self._mistake is not None:\n            return False\n",
        "",
        (SESSION,),
    ),
    Fault(
        "a frame is converted again for a model that had no room",
        "_sessions/caller.py",
        "            self._refused = heard  # a converter must not see a frame twice\n",
        "",
        (SESSION,),
    ),
    Fault(
        "an upgrade needs no signature",
        "sources/twilio.py",
        "        if not self.is_signed(upgrade.request, account, Fields()):\n",
        "        if False:\n",
        (TWILIO, BAD_INPUT),
    ),
    Fault(
        "an upgrade is let in though no call waits for it",
        "sources/twilio.py",
        "elif not self.exchange.expects(account):",
        "elif not account:",
        (TWILIO, BAD_INPUT),
    ),
    Fault(
        "a token is good for another call of the same account",
        "_phone_exchange.py",
        "return start.call == self.call and self.account in (None, start.account)",
        "return self.account in (None, start.account)",
        (TWILIO, BAD_INPUT),
    ),
    Fault(
        "a token stays good",
        "_phone_exchange.py",
        "            del self._expected[token]\n",
        "",
        (TWILIO, BAD_INPUT),
    ),
    Fault(
        "a stranger uses up a token",
        "_phone_exchange.py",
        "expected = self._expected.get(token) if",
        "expected = self._expected.pop(token, None) if",
        (TWILIO, BAD_INPUT),
    ),
    Fault(
        "what is of another stream is heard",
        "wire/phone.py",
        "if stream and stream != self.start.stream:",
        "if not self.start.stream:",
        (TWILIO_WIRE, BAD_INPUT),
    ),
    Fault(
        "a timestamp is believed whatever it says",
        "wire/_phone/ears.py",
        "min(LONGEST_GAP, now - self._began + HASTE - due / 1000)",
        "math.inf",
        (TWILIO_WIRE, TWILIO),
    ),
    Fault(
        "marks of before a clear are taken for new ones",
        "wire/_phone/mouth.py",
        "if generation == self.generation and self._marks and",
        "if self._marks and",
        (TWILIO_WIRE,),
    ),
    Fault(
        "nothing asks what had been played when a clear was carried out",
        "wire/_phone/mouth.py",
        "return [self._dialect.clear(self._stream), *self.probe(now)]",
        "return [self._dialect.clear(self._stream)]",
        (TWILIO_WIRE, TWILIO),
    ),
    Fault(
        "the way to the carrier and back is never measured",
        "wire/_phone/mouth.py",
        "self.round_trip = min(max(now - self._probed_at, 0.0), LONGEST_TRIP)",
        "self.round_trip = ROUND_TRIP",
        (TWILIO_WIRE,),
    ),
    Fault(
        "what had been played when the line broke is all that ever will be",
        "wire/_phone/mouth.py",
        "self._frozen, self._marked = None, 0",
        "self._marked = 0",
        (TWILIO,),
    ),
    Fault(
        "what waited to be played when the line broke counts as played",
        "wire/_phone/mouth.py",
        "self._frozen = self._playhead.heard(now)",
        "self._frozen = self._playhead.sent",
        (TWILIO_WIRE, TWILIO),
    ),
    Fault(
        "the last word of an answer has no mark",
        "wire/_phone/mouth.py",
        "        if self._stream is None or self._marks or self._marked >= self.sent:\n",
        "        if self._stream is not None:\n",
        (TWILIO_WIRE,),
    ),
    Fault(
        "a websocket that breaks is replaced for ever",
        "sources/_xml_calls.py",
        "if not self._waits_for_a_stream or (self._rejoins >= REJOINS and not self._keys):",
        "if not self._waits_for_a_stream:",
        (TWILIO,),
    ),
    Fault(
        "who is behind takes one message at a time",
        "_phone_source.py",
        "for data in line.take_received():",
        "for data in ():",
        (TWILIO,),
    ),
    Fault(
        "what has piled up loses its order",
        "_arrivals.py",
        "self._items[-1] = before.joined(item)",
        "self._items[-1] = item.joined(before)",
        ("test_arrivals.py", TWILIO),
    ),
    Fault(
        "an end that came with a message is taken for one",
        "_door/lean_socket.py",
        "while self._received and isinstance(message := self._received[0], str | bytes):",
        "while self._received and (message := self._received[0]):",
        (WEBSOCKET,),
    ),
    Fault(
        "a webhook that is no form is not counted",
        "sources/_xml_listener.py",
        '        except RemoteProtocolError:\n            self.exchange.note("malformed_webhook")\n            raise\n',
        "        except RemoteProtocolError:\n            raise\n",
        (BAD_INPUT,),
    ),
    Fault(
        "a client's frames all have the same mask",
        "_door/websocket_frames.py",
        "        self._at += 4\n        return self._drawn[self._at - 4 : self._at]",
        "        return self._drawn[:4]",
        (WEBSOCKET_CODEC,),
    ),
    Fault(
        "a message in one frame may be of any length",
        "_door/websocket_frames.py",
        "if length > longest or end > len(data):",
        "if end > len(data):",
        (WEBSOCKET_CODEC,),
    ),
    Fault(
        "a stranger's frame needs no mask",
        "_door/websocket_frames.py",
        " or (length >= _MASKED) is not masked:",
        ":",
        (WEBSOCKET_CODEC,),
    ),
    Fault(
        "a whole message is taken out of the middle of one in pieces",
        "_door/websocket_codec.py",
        "if self._in_pieces or self._connection.state",
        "if self._connection.state",
        (WEBSOCKET_CODEC,),
    ),
    # ---- browsers
    Fault(
        "a browser's latency is believed, however long",
        "wire/_browser/mouth.py",
        "latency = min(max(latency_ms / 1000, 0.0), LATENCY)",
        "latency = max(latency_ms / 1000, 0.0)",
        (BROWSER,),
    ),
    Fault(
        "a browser that says to have played more than it was sent is believed",
        "wire/_browser/mouth.py",
        "return turn.sent if samples >= turn.sent - 1 else samples",
        "return samples",
        (BROWSER,),
    ),
    Fault(
        "the turns of a browser are counted from 0, each",
        "wire/_browser/mouth.py",
        "left = turn.base + self._samples_of(turn, played_ms)",
        "left = self._samples_of(turn, played_ms)",
        (BROWSER,),
    ),
    Fault(
        "a browser may speak of a turn that it was told to forget",
        "wire/_browser/mouth.py",
        "if each.generation > generation}",
        "if each.generation > -1}",
        (BROWSER,),
    ),
    Fault(
        "a browser that is muted is heard",
        "wire/_browser/ears.py",
        "if self.muted else Frame(data",
        "if False else Frame(data",
        (BROWSER,),
    ),
    Fault(
        "a browser that takes nothing is given all the same",
        "sources/_browser_call.py",
        "return not backlog or backlog + frame.duration <= self._most",
        "return True",
        ("sources/test_browser.py",),
    ),
    Fault(
        "a program that names no origin may call without a token",
        "sources/browser.py",
        'if "origin" not in request.headers and self._token is None:',
        "if False:",
        ("sources/test_browser.py",),
    ),
    Fault(
        "an origin that begins like one that may call may call",
        "_door/perimeter.py",
        "origin in others or",
        "any(origin.startswith(other) for other in others) or",
        ("web/test_browser_sockets.py",),
    ),
    Fault(
        "at an app, an origin of another scheme may call",
        "wire/_browser/origin.py",
        'return scheme, host.rstrip("."), port or _PORTS[scheme]',
        'return "", host.rstrip("."), port or "80"',
        ("web/test_asgi.py",),
    ),
    Fault(
        "at an app, any name leads to this machine",
        "wire/_browser/origin.py",
        "return server is None or not _is_this_machine(server) or",
        "return True or",
        ("web/test_asgi.py",),
    ),
    Fault(
        "a far party is shown twice what a session relays",
        "_dispatch.py",
        "if kind.name in known:",
        "if known:",
        ("sources/test_browser.py",),
    ),
    Fault(
        "a stretch that ends late counts as an underrun",
        "wire/_browser/player.py",
        "if self._dry is not None and self._dry[0] == turn:\n            self._dry = None\n            self._turn_over()",
        "if self._dry is not None and self._dry[0] == turn:\n            self.underruns += 1\n            self._turn_over()",
        (BROWSER,),
    ),
]


def plant(fault: Fault, folder: Path) -> bool:
    """Copy the package into ``folder`` with the fault in it; False if its place is not there, or not the only one."""
    shutil.copytree(PACKAGE, folder / "trioaudio", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "trioaudio" / fault.module
    text = file.read_text()
    if text.count(fault.before) != 1:
        return False
    file.write_text(text.replace(fault.before, fault.after))
    return True


RUN = """
import random, sys, pathlib, trio, trioaudio
assert pathlib.Path(trioaudio.__file__).is_relative_to(pathlib.Path.cwd()), trioaudio.__file__
import pytest
trio._core._run._r.seed(0)  # the order in which Trio lets tasks run
random.seed(0)
sys.exit(pytest.main(sys.argv[1:]))
"""


def run_suite(folder: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """pytest's exit code against the copy in ``folder``, and the last thing it said; -1 when it hung."""
    where = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-k", "not over_an_hour", CHANCE, *(f"--override-ini={limit}" for limit in A_HANG)]
    command = [sys.executable, "-c", RUN, *where, *options, *(str(ROOT / "tests" / test) for test in tests)]
    environment = {**os.environ, "TRIOAUDIO_SEEDS": str(SEEDS), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return -1, "it hung"
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("FAILED", "ERROR", "E  "))]
    return done.returncode, (said or done.stdout.splitlines() or done.stderr.splitlines() or [""])[-1]


def judge(fault: Fault) -> tuple[Verdict, str, float]:
    """Plant one fault and see whether the suite notices."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if not plant(fault, Path(folder)):
            return "CANNOT PLANT", f"{fault.module} does not contain this exactly once: {fault.before!r}", 0.0
        code, said = run_suite(Path(folder), fault.tests)
    noticed = code == 1 or code < 0  # a suite that hangs is ended, and sometimes it crashes as it tells where it hung
    verdict: Verdict = "SURVIVED" if code == 0 else "killed" if noticed else "DOES NOT RUN"
    return verdict, said, time.perf_counter() - begun


def judge_all(faults: list[Fault]) -> Iterator[tuple[Fault, Verdict]]:
    """Judge them, some at a time, and say so as it goes."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for number, (fault, (verdict, said, seconds)) in enumerate(zip(faults, pool.map(judge, faults), strict=True), 1):
            print(f"[{number}/{len(faults)}] {verdict:12} {fault.name} ({seconds:.1f} s) {said[:100]}", flush=True)
            yield fault, verdict


def main(names: list[str]) -> int:
    """Judge the faults whose names contain one of ``names``, all if there is none; the exit code."""
    faults = [fault for fault in FAULTS if not names or any(name in fault.name for name in names)]
    if not faults:
        print(f"no fault is called {' or '.join(names)}; there are: {'; '.join(fault.name for fault in FAULTS)}")
        return 2
    begun = time.perf_counter()
    verdicts = list(judge_all(faults))
    print(f"\n{'fault':75} verdict")
    for fault, verdict in verdicts:
        print(f"{fault.name:75} {verdict}")
    missed = [f"{verdict}: {fault.name}" for fault, verdict in verdicts if verdict != "killed"]
    print(f"\n{len(verdicts) - len(missed)} of {len(verdicts)} faults were caught, in {time.perf_counter() - begun:.0f} s")
    print(*missed, sep="\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
