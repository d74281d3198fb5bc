package dev.sluice.bench.peers;

/**
 * What a subject does again and again.
 *
 * <p>Thread safety: immutable.
 *
 * @param subject who
 * @param words what, as {@link PeerWorker} takes it
 */
record Turn(Subject subject, String words) {
  /** Whether callers take turns by a fair semaphore. */
  boolean fair() {
    return words.endsWith(PeerWorker.FAIR);
  }

  /** Names the peer in the ids of rows: {@code ort-reused-1-fair}. */
  String id() {
    return subject.id() + (fair() ? PeerWorker.FAIR : "");
  }

  @Override
  public String toString() {
    return subject + (fair() ? ", behind a fair semaphore" : "");
  }
}
