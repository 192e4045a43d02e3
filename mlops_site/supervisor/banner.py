"""What the person at the keyboard needs to know once the site is ready."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_site.supervisor.first_user import FirstUser

_LINE = "─" * 78


@dataclass(frozen=True, slots=True)
class Banner:
    """The facts of the banner.

    Attributes
    ----------
    elsewhere
        What is kept outside of the home folder, such as ``s3://bucket/lake`` or "the database".
    """

    base_url: str
    user: FirstUser
    curl: str
    home: Path
    ready_after_seconds: float
    elsewhere: tuple[str, ...] = ()
    scorer_url: str = ""
    demo_failed: bool = False

    def text(self) -> str:
        """Return the banner."""
        facts = [
            ("Site", f"{self.base_url}/admin/"),
            ("Sign in", self._sign_in()),
            ("API", f"{self.base_url}/api/docs/"),
            *(
                [("Scorer", f"{self.scorer_url} (predictions only, faster)")]
                * bool(self.scorer_url)
            ),
            ("Data", self._data()),
            ("Stop", "Ctrl-C"),
        ]
        lines = [
            _LINE,
            f"Ready after {self.ready_after_seconds:.1f} s.",
            "",
            *(f"  {name:<8} {fact}" for name, fact in facts),
            "",
            "  Try it:",
            f"  {self.curl}",
        ]
        if self.demo_failed:
            lines += [
                "",
                "  The demo could not be seeded (see above); everything else works. It is tried",
                "  again at the next start; --no-demo leaves it out.",
            ]
        return "\n".join([*lines, _LINE])

    def _data(self) -> str:
        if not self.elsewhere:
            return f"{self.home} (back up this one folder)"
        return f"{self.home} (back it up together with {' and '.join(self.elsewhere)})"

    def _sign_in(self) -> str:
        name, file = self.user.name, self.user.password_file
        if self.user.password is not None:
            return f"{name} / {self.user.password}   (kept in {file})"
        return f"{name} / the password you chose (lost? ./mlops manage changepassword {name})"
