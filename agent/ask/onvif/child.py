"""Child only, run as `python -m agent.ask.onvif.child`: the ONVIF capability questions for a batch of cameras.

Threads, the deadline, results as they come. A device is asked by one thread only, however many slots it carries, and
one that hangs costs nobody else.
"""

import gc
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue

from msgspec import structs

from agent.ask.attempt import Deadline, Trouble
from agent.ask.children.child import Tell, serve
from agent.ask.onvif import jobs, soap
from agent.ask.onvif.interview import Interview, Said
from agent.ask.onvif.jobs import Answer, Job
from agent.ask.onvif.login import Login
from agent.ask.onvif.questions import ask_all
from agent.model import Credentials
from contract.vocabulary import Reason

THREADS = 64
"""Devices asked at once. One in work costs about 100 kB; a reply takes 30 ms of the network and 0.3 ms of CPU."""
STEP_S = 0.002
LONG_S, CALM_S = 0.05, 0.3
QUICK_S = 0.15
"""A device that is done so soon answers each question within milliseconds: few askers keep the processor busy."""
STACK_BYTES = 512 * 1024


def work(lines: list[bytes], tell: Tell) -> None:
    """Ask every camera of the batch and tell each result when it is known."""
    batch = [jobs.decode_job(line) for line in lines]
    waiting: SimpleQueue[list[Job]] = SimpleQueue()
    for device in _by_device(batch):
        waiting.put(device)
    deadline = Deadline(min((job.deadline_s for job in batch), default=0.0))
    soap.load()
    gc.freeze()  # what stays for good is not looked through again, so that
    gc.set_threshold(700, 3, 2)  # looking often is cheap and keeps the garbage of many threads small
    threading.stack_size(STACK_BYTES)
    _staff(waiting, lambda: _ask_devices(waiting, deadline, tell))


def _staff(waiting: SimpleQueue[list[Job]], ask: Callable[[], None]) -> None:
    """Start one asker after the other as long as devices wait and the processor idles, or the last start is long ago.

    Where replies come at once, many askers would only be in each other's way and cost an eighth more (decision 9). A
    pause that takes longer than it should says that we, or the machine, are busy.
    """
    devices, askers, starts = waiting.qsize(), list[threading.Thread](), list[float]()
    idle = True
    while not waiting.empty() and len(askers) < THREADS:
        spent, now = time.process_time(), time.monotonic()
        quick = _each_s(now, starts, devices - waiting.qsize()) < QUICK_S
        if not starts or (idle and not quick) or now - starts[-1] > (CALM_S if quick else LONG_S):
            starts.append(now)
            askers.append(threading.Thread(target=ask))
            askers[-1].start()
        time.sleep(STEP_S)
        idle = time.process_time() - spent < STEP_S / 2 and time.monotonic() - now < 2 * STEP_S
    for asker in askers:
        asker.join()


def _each_s(now: float, starts: Sequence[float], taken: int) -> float:
    """How long a device has taken so far; beyond all bounds until one is done. Those that hang make it long again."""
    return sum(now - start for start in starts) / taken if taken > len(starts) else float("inf")


def _by_device(batch: Iterable[Job]) -> Iterable[list[Job]]:
    """Jobs that share an address and port go to one thread: a camera gets one connection and one question at a time."""
    devices: dict[tuple[str, int], list[Job]] = {}
    for job in batch:
        devices.setdefault((job.camera.address, job.camera.ports.onvif), []).append(job)
    return devices.values()


def _ask_devices(waiting: SimpleQueue[list[Job]], deadline: Deadline, tell: Tell) -> None:
    while True:
        try:
            device = waiting.get_nowait()
        except Empty:
            return
        logins: dict[Credentials | None, Login] = {}
        answers: dict[tuple[Credentials | None, str, str], Said] = {}
        for job in device:
            camera = job.camera
            login = logins.setdefault(camera.credentials, Login(job.auth))
            said = answers.setdefault((camera.credentials, camera.onvif_path, camera.tls), {})
            tell(jobs.encode_answer(_answer(job, login, deadline, said)))


def _answer(job: Job, login: Login, deadline: Deadline, said: Said) -> Answer:
    """What the camera said. A fault of our own costs this camera alone."""
    interview, failed_before = Interview(job, login, deadline, said), login.failed
    try:
        told = ask_all(interview)
    except Exception as error:
        told = jobs.unanswered(Trouble(Reason.AGENT_FAULT, f"{type(error).__name__} in the capability child"))
    finally:
        interview.close()
    met = login.met(failed_before)
    told = structs.replace(
        told, auth=login.auth, logins_failed=met.failed, attempts_left=met.attempts_left, notes=interview.notes
    )
    return Answer(slot=job.camera.slot, capabilities=told, login=met)


if __name__ == "__main__":
    serve(work)
