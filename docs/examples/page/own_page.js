import { connect } from "/trioaudio.js";

const [button, words] = document.querySelectorAll("button, p");

button.onclick = async () => {
  const call = connect();
  call.addEventListener("transcript", ({ detail }) => (words.textContent = `${detail.who}: ${detail.text}`));
  call.addEventListener("receipt", ({ detail }) => console.log(`interrupted after ${detail.heard_ms} ms`));
  call.addEventListener("closed", ({ detail }) => (words.textContent = detail.words));
  await call.ready;
  button.textContent = "Hang up";
  button.onclick = () => call.close();
};
