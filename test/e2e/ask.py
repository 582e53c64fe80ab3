"""Asks for an agent in a room so many times at once, as any client of NATS may: nats-py."""
import asyncio
import json
import sys

import nats


async def main() -> None:
    url, subject, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = await nats.connect(url, user="engine", password="engine") if "@" not in url else await nats.connect(url)

    async def ask() -> str:
        answer = json.loads((await client.request(subject, b"", timeout=10)).data)
        return "queued" if "error" not in answer else str(answer["error"]["err_code"])

    print(json.dumps(await asyncio.gather(*(ask() for _ in range(times)))))
    await client.close()


asyncio.run(main())
