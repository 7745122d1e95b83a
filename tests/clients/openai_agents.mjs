// A call with OpenAI's agents package for JavaScript: speak, be answered, interrupt, let a tool be called. Arguments: URL, file of speech.

import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const [url, file] = process.argv.slice(2);
const speech = readFileSync(file);

const lookUp = tool({
  name: 'look_up',
  description: 'Look up a word.',
  parameters: z.object({ word: z.string() }),
  execute: async ({ word }) => {
    console.log(`looked up ${word}`);
    return `${word} is 42`;
  },
});
const agent = new RealtimeAgent({ name: 'receptionist', instructions: 'Be brief.', tools: [lookUp] });
const transport = new OpenAIRealtimeWebSocket({ url: `${url}/realtime?model=gpt-realtime-2.1`, useInsecureApiKey: true });
const session = new RealtimeSession(agent, {
  transport,
  model: 'gpt-realtime-2.1',
  config: { audio: { input: { turnDetection: { type: 'server_vad', silenceDurationMs: 500 } } } },
});

const seen = [];
const bell = new EventEmitter();
function note(kind) {
  console.log(kind);
  seen.push(kind);
  bell.emit('seen');
}
async function until(kind) {
  while (!seen.includes(kind)) await once(bell, 'seen');
  seen.splice(0, seen.indexOf(kind) + 1);
}

transport.on('*', (event) => note(event.type));
session.on('audio_interrupted', () => note('audio_interrupted'));
session.on('agent_tool_end', () => note('agent_tool_end'));
session.on('error', (error) => {
  console.log('ERROR', JSON.stringify(error));
  process.exit(1);
});

function speak() {
  for (let begin = 0; begin < speech.length; begin += 960) {
    const piece = speech.subarray(begin, begin + 960);
    session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
  }
}

await session.connect({ apiKey: 'any' });
await until('session.updated');
speak();
await until('response.output_audio.delta');
await sleep(200);
speak();
await until('audio_interrupted');
await until('conversation.item.truncated');
await until('response.output_audio.delta');
await until('response.done');
session.sendMessage('/call look_up {"word": "answer"}');
await until('agent_tool_end');
await until('response.output_audio.delta');
await until('response.done');
session.close();
process.exit(0);
