"""A picture of commands in a terminal: runs them in tmux and writes what stands on the screen as SVG.

    python docs/images/terminal.py docs/images/terminal.svg "matgrad diff 'norm(y - Phi*theta)^2' --wrt theta" \\
        "matgrad diff 'sum(log(1 + exp(-y .* (X*w))))' --wrt w --order 2" "matgrad diff \"R'*R\" --wrt R --layout jacobian"

`matgrad` has to be on the path. The picture has its own background, and is light or dark as the reader's system is.
"""

import re
import shlex
import subprocess
import sys
import time
import unicodedata
from html import escape

COLUMNS, CELL, LINE, MARGIN = 96, 8.43, 19, 16
CLASSES = {1: "b", 2: "d", 31: "e", 32: "g", 33: "w", 35: "m", 36: "c"}


def screen(commands):
    """The screen after the commands, with its colours."""
    session = f"picture-{time.time_ns()}"
    tmux = lambda *args: subprocess.run(["tmux", *args], check=True, capture_output=True, text=True).stdout
    shell = "PS1='\\n$ ' exec bash --norc --noprofile -i"
    tmux("new-session", "-d", "-s", session, "-x", str(COLUMNS), "-y", "60", "env", "-u", "NO_COLOR", "sh", "-c", shell)
    try:
        tmux("send-keys", "-t", session, "export PATH=" + shlex.quote(subprocess.os.environ["PATH"]) + "; clear", "Enter")
        time.sleep(1)
        for command in commands:
            tmux("send-keys", "-t", session, "-l", command)
            tmux("send-keys", "-t", session, "Enter")
            time.sleep(2)
        text = tmux("capture-pane", "-t", session, "-e", "-p")
        return text.rstrip().removesuffix("$").strip().splitlines()
    finally:
        subprocess.run(["tmux", "kill-session", "-t", session], capture_output=True)


def runs(line, active):
    """Pieces of a line with the classes that hold for them; `active` are those that hold before and, after it, behind it."""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            for code in (int(c or 0) for c in part[2:-1].split(";")):
                if code in (0, 39, 22):
                    active -= {c for c in active if code == 0 or (c in "bd") == (code == 22)}
                elif code in CLASSES:
                    active.add(CLASSES[code])
        elif part:
            yield part, " ".join(sorted(active))


def svg(lines, title):
    width, height = COLUMNS * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN + 22
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}">',
        "<style>text{font:14px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#24292f;white-space:pre}"
        ".f{fill:#fff;stroke:#d0d7de}.b{font-weight:700}.d{fill:#6e7781}.e{fill:#cf222e}.g{fill:#1a7f37}.w{fill:#9a6700}"
        ".m{fill:#8250df}.c{fill:#0969da}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.f{fill:#0d1117;stroke:#30363d}.d{fill:#8b949e}.e{fill:#ff7b72}"
        ".g{fill:#3fb950}.w{fill:#d29922}.m{fill:#d2a8ff}.c{fill:#79c0ff}}</style>",
        f'<rect class="f" x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8"/>',
        *(f'<circle cx="{20 + 18 * k}" cy="18" r="5.5" fill="{c}"/>' for k, c in enumerate(("#ff5f57", "#febc2e", "#28c840"))),
    ]
    active = set()
    for at, line in enumerate(lines):
        column, y = 0, 22 + MARGIN + LINE * (at + 0.75)
        for text, classes in runs(line, active):
            cells = sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)
            if text.strip():
                kind = f' class="{classes}"' if classes else ""
                x, length = MARGIN + column * CELL, cells * CELL
                lead = len(text) - len(text.lstrip(" "))
                x, length = x + lead * CELL, length - (len(text) - len(text.strip(" "))) * CELL
                out.append(
                    f'<text x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"{kind}>'
                    f"{escape(text.strip(' '))}</text>"
                )
            column += cells
    return "\n".join(out) + "\n</svg>\n"


if __name__ == "__main__":
    target, *commands = sys.argv[1:]
    with open(target, "w", encoding="utf-8") as file:
        file.write(svg(screen(commands), "; ".join(commands)))
