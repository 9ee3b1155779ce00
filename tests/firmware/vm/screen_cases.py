"""Shows screens on a board that only counts, and prints after each what was drawn: rows by number, then the text."""

import asyncio

from sealbox.screen import Screen


class Counting:
    def __init__(self) -> None:
        self.drawn = []
        self.said = []

    def draw(self, row: int, picture: bytearray) -> None:
        assert len(picture) == 256
        self.drawn.append(row)

    def show(self, lines: list) -> None:
        self.said.append(lines)


async def main() -> None:
    board = Counting()
    screen = Screen(board)
    for rows in (
        ["就绪", "ready", "❶已锁 locked"],
        ["就绪", "ready", "❶已锁 locked"],
        ["❶0000-0000\t9秒", "已打开 剩\v2", "open, left\f2", ""],
        ["❶0000-0000\t8秒", "已打开 剩\v2", "open, left\f2", ""],
    ):
        board.drawn.clear()
        board.said.clear()
        await screen.show(rows)
        print(repr((board.drawn, board.said)))
    print(await screen.pause(100))
    screen.wake()
    print(await screen.pause(60_000))


asyncio.run(main())
