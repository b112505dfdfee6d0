// Node's client through HTTP_PROXY: prints the status and the body of each URL. Since version 24 its fetch knows the
// variable; before, a program puts the whole URL into the request itself.
import http from "node:http";

async function viaProxy(url) {
  const proxy = new URL(process.env.HTTP_PROXY);
  const request = http.request({
    host: proxy.hostname, port: proxy.port, method: "POST", path: url, headers: { host: new URL(url).host },
  });
  request.end("hello");
  const [answer] = await new Promise((resolve, reject) => {
    request.on("response", (answer) => resolve([answer])).on("error", reject);
  });
  let body = "";
  for await (const part of answer) body += part;
  return { status: answer.statusCode, text: async () => body };
}

const hasProxies = Number(process.versions.node.split(".")[0]) >= 24;
for (const url of process.argv.slice(2)) {
  const answer = hasProxies ? await fetch(url, { method: "POST", body: "hello" }) : await viaProxy(url);
  console.log(answer.status, await answer.text());
}
