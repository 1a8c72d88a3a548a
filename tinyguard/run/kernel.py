"""Which kernel executes the notebook; how it starts, dies and ends."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager

from tinyguard.errors import UsageError, did_you_mean
from tinyguard.run.errors import RunError
from tinyguard.run.stopping import Stopping, first_of

_LAST_WORDS = 4000  # bytes of what a kernel that does not start wrote to its own streams


class _OwnPython(KernelSpecManager):
    """Knows one kernel: the Python that runs tinyguard."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, language="python", display_name="Python")


def chosen(name: str | None, document: Any, *, note: Callable[[str], None]) -> AsyncKernelManager:
    """The kernel of that name, else the one that the notebook names, else the Python that runs tinyguard.

    Raises UsageError when there is no kernel `name`, RunError when there is none at all.
    """
    specs = KernelSpecManager()
    if name is not None:
        try:
            spec = specs.get_kernel_spec(name)
        except NoSuchKernel:
            known = specs.find_kernel_specs()
            raise UsageError(f'--kernel: there is no kernel "{name}"{did_you_mean(name, known)}') from None
        if not spec.language.lower().startswith("python"):
            raise UsageError(f'--kernel: "{name}" is a kernel for {spec.language}; tinyguard runs Python')
        return AsyncKernelManager(kernel_name=name)
    wanted = document.metadata.get("kernelspec", {}).get("name")
    if wanted:
        with contextlib.suppress(NoSuchKernel):
            specs.get_kernel_spec(wanted)
            return AsyncKernelManager(kernel_name=wanted)
    if importlib.util.find_spec("ipykernel") is None:
        raise RunError("needs ipykernel: pip install 'tinyguard[run]'")
    why = f'its kernel "{wanted}" is not installed' if wanted else "it names no kernel"
    note(f"{why}: running it with {sys.executable}")
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_OwnPython())


class Kernel:
    """The process that executes the cells. What it writes to its own streams is kept in case it does not start."""

    def __init__(self, manager: AsyncKernelManager, *, folder: str) -> None:
        """`folder`: where it runs, so that modules beside the notebook are found."""
        self.manager = manager
        self._folder = folder
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the kernel)

    async def start(self, client: Any) -> None:
        """Starts the process, waits until it answers, and notes in the notebook which Python it is. Raises RunError."""
        spec = self.manager.kernel_spec
        if spec is not None and any("ipykernel" in word for word in spec.argv):
            client.extra_arguments = ["--HistoryManager.hist_file=:memory:"]  # the user's history is of what was typed
        try:
            await client.async_start_new_kernel(cwd=self._folder, stdout=self._words, stderr=self._words)
            await client.async_start_new_kernel_client()
            answer = await client.async_wait_for_reply(client.kc.kernel_info())
        except (OSError, RuntimeError) as error:
            said = [str(error), *(line for line in self._last_words().splitlines() if line and "WARNING" not in line)]
            raise RunError(f'the kernel "{self.manager.kernel_name}" cannot be started: {said[-1]}') from None
        if answer and "language_info" in answer["content"]:
            client.nb.metadata["language_info"] = answer["content"]["language_info"]

    async def interrupt(self) -> None:
        with contextlib.suppress(RuntimeError, OSError):  # it is gone
            await self.manager.interrupt_kernel()

    async def death(self) -> str:
        """How the process ended, when it did."""
        code = await self.manager.provisioner.poll() if self.manager.provisioner else None
        if code is None:
            return "the kernel died"
        if code >= 0:
            return f"the kernel died (exit status {code})"
        name = signal.Signals(-code).name
        return f"the kernel died ({name}{', often for want of memory' if name == 'SIGKILL' else ''})"

    def _last_words(self) -> str:
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - _LAST_WORDS))
        return self._words.read().decode("utf-8", errors="replace")

    async def end(self, client: Any, stopping: Stopping, *, politely: bool) -> None:
        """Ends the process; one that has to be killed takes with it what it has started itself."""
        if client.kc is not None:
            client.kc.stop_channels()
        if politely:
            leaving = asyncio.ensure_future(self.manager.shutdown_kernel())
            await first_of(leaving, stopping.impatience)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        with contextlib.suppress(RuntimeError, OSError):
            await self.manager.shutdown_kernel(now=True)
        self._words.close()
