// Holds one connection to the feed for all tabs of a browser, which allows six to a server and no more.

import { FeedSource } from "./feed-source.js";

const ports = new Set();
const source = new FeedSource((news) => {
  for (const port of ports) port.postMessage(news);
});

function hear(port, word) {
  if (word === "open") {
    ports.add(port);
    if (source.isLive && source.isOpen) port.postMessage({ isLive: true });
    else source.open(); // somebody has just signed in, perhaps: there is no reason to wait
    return;
  }
  ports.delete(port);
  if (!ports.size) source.close();
}

addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", (event) => hear(port, event.data));
  port.start();
});
