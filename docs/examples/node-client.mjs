// A conversation goes out and its memory comes back, over HTTP: Node ≥ 18, no package.
//   AFTERWORD_URL=http://127.0.0.1:8642 AFTERWORD_KEY=awk_… node node-client.mjs
const { AFTERWORD_URL, AFTERWORD_KEY } = process.env;

async function ask(path, body, headers = {}) {
  const response = await fetch(`${AFTERWORD_URL}/api/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${AFTERWORD_KEY}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5000),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.status} ${answer.field ?? ""} ${answer.detail}`);
  return answer;
}

const messages = [{ role: "user", content: "I'm allergic to peanuts." }];
await ask("conversations", { user_id: "maya", session_id: "mon", messages }, { "idempotency-key": "run-2041" });
await new Promise((later) => setTimeout(later, 1000)); // the agent goes on; meanwhile the workers take it in
const context = await ask("context", { user_id: "maya", session_id: "fri", query: "A snack without peanuts?" });
// Between these marks the text is known for what it is, and not learned again when the prompt is published.
const memory = context.text && `\n\n<afterword-memory>\n${context.text}\n</afterword-memory>`;
console.log(`You are a travel planner.${memory}`);
