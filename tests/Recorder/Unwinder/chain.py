"""Calls itself in a known chain and says its thread's id and the chain, the innermost first: name, file and line.

Then it waits for a byte, on the line that it has told. usage: chain.py main|thread
"""
import os
import sys
import threading


def tell():
    frame = sys._getframe(1)
    text = [str(threading.get_native_id())]
    while frame:
        code = frame.f_code
        text.append("\t".join([getattr(code, "co_qualname", code.co_name), code.co_filename, str(frame.f_lineno)]))
        frame = frame.f_back
    os.write(1, ("\n".join(text) + "\n\n").encode())
    return 1


def größe(key):
    os.read(0, tell())
    return key


class Учёт:
    def сортировка(self):
        # From C code, which is no frame of Python's.
        return sorted([1], key=größe)

    def __iter__(self):
        value = (
            self.сортировка()
        )
        yield value


def comprehend(depth):
    if depth:
        return comprehend(depth - 1)
    return [value for value in Учёт()]


def outermost():
    return (lambda: comprehend(3))()


if sys.argv[1] == "thread":
    others = [threading.Thread(target=threading.Event().wait, daemon=True) for _ in range(2)]
    thread = threading.Thread(target=outermost)
    for each in [others[0], thread, others[1]]:
        each.start()
    thread.join()
else:
    outermost()
