/* Server-sent events over fetch (an EventSource could not send the key), opened again by itself, with a state that is shown. */

const WAITS_S = [1, 2, 4, 8, 15];
const LEAST_SILENCE_S = 12;

export class Stream {
  /* told: {event(name, data), state(name, why, next), refused(status, detail)} */
  constructor(path, key, told) {
    this.path = path; this.key = key; this.told = told;
    this.tries = 0; this.everyS = 5; this.running = false; this.timer = null; this.controller = null;
  }

  start() { if (this.running) return; this.running = true; this.tries = 0; this.open(); }

  stop() { this.running = false; clearTimeout(this.timer); clearTimeout(this.silence); this.controller?.abort(); this.controller = null; }

  now() { if (!this.running) return; clearTimeout(this.timer); this.controller?.abort(); this.tries = 0; this.open(); }

  async open() {
    const controller = this.controller = new AbortController();
    if (this.tries) this.told.state("cut", "", "다시 연결하는 중");
    else this.told.state("opening");
    let bye = false, why = "";
    try {
      this.watch(controller);
      const answer = await fetch(this.path, { headers: { Authorization: `Bearer ${this.key}`, Accept: "text/event-stream" }, cache: "no-store", signal: controller.signal });
      if (answer.status === 401 || answer.status === 403) {
        this.stop();
        this.told.refused(answer.status);
        return;
      }
      if (!answer.ok) throw new Error(`서버가 ${answer.status}로 답했어요`);
      bye = await this.read(answer.body, controller);
    } catch (error) {
      why = error.name === "TypeError" ? "서버에 닿지 않아요" : error.name === "AbortError" ? "한동안 소식이 없었어요" : error.message;
    }
    if (controller !== this.controller || !this.running) return;
    clearTimeout(this.silence);
    if (bye) { this.tries = 0; this.open(); return; }
    this.again(why);
  }

  async read(body, controller) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", bye = false;;) {
      const { value, done } = await reader.read();
      if (done) return bye;
      this.watch(controller);
      rest += value;
      const frames = rest.split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const name = /^event: (.*)$/m.exec(frame), data = /^data: (.*)$/m.exec(frame);
        if (!name || !data) continue;
        if (name[1] === "bye") { bye = true; continue; }
        const told = JSON.parse(data[1]);
        if (told.every_s) this.everyS = told.every_s;
        this.tries = 0;
        this.told.state("live");
        this.told.event(name[1], told);
      }
    }
  }

  /* A connection on which nothing comes is as good as cut. */
  watch(controller) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => controller.abort(), 1000 * Math.max(LEAST_SILENCE_S, 3 * this.everyS));
  }

  again(why) {
    let left = WAITS_S[Math.min(this.tries, WAITS_S.length - 1)];
    this.tries += 1;
    const tick = () => {
      if (!this.running) return;
      if (left <= 0) { this.open(); return; }
      this.told.state("cut", why, `${left}초 뒤 다시 연결`);
      left -= 1;
      this.timer = setTimeout(tick, 1000);
    };
    tick();
  }
}
