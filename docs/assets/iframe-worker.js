// A Worker for pages that are opened from a disk (file:), where browsers start none: its script runs in a hidden frame.
// The search of the site needs it. The search's script looks for the name IFrameWorker in its parent.

const LOAD = `<script>
  postMessage = (data) => frameElement.worker.receive(data);
  importScripts = (...urls) => Promise.all(urls.map((src) => new Promise((onload, onerror) => {
    document.body.append(Object.assign(document.createElement("script"), { src, onload, onerror, async: false }));
  })));
</` + "script>";

if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = null;
      this.frame = Object.assign(document.createElement("iframe"), { hidden: true, worker: this });
      this.started = new Promise((resolve) => (this.start = resolve));
      document.body.append(this.frame);
      const inside = this.frame.contentDocument;
      inside.open();
      inside.write(`<body>${LOAD}<script src="${url}"></` + "script><script>frameElement.worker.start()</" + "script>");
      inside.close();
    }

    receive(data) {
      const message = new MessageEvent("message", { data });
      this.dispatchEvent(message);
      this.onmessage?.(message);
    }

    postMessage(data) {
      const inside = this.frame.contentWindow;
      this.started.then(() => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
