// A visitor without an account, in place of a Session: the socket watches a public board.

/** Events: `refused` (this server lets nobody watch without an account, or not from here). */
export class Visitor extends EventTarget {
  held = { access: "none" };

  async token() {
    return this.held.access;
  }

  async renew() {
    this.dispatchEvent(new Event("refused"));
  }

  /** Return the message that asks for a board. */
  subscription(token, board) {
    return { type: "watch", board };
  }
}
