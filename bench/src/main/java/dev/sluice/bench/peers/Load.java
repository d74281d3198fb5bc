package dev.sluice.bench.peers;

/**
 * A load under which the engine is held against others: makes rows of the table.
 *
 * <p>Thread safety: immutable.
 *
 * @param model as ids have it
 * @param id of the load
 * @param words for the load
 * @param sluice the engine's figures
 */
record Load(String model, String id, String words, Figures sluice) {
  /** The engine's figure over the same of a peer's. */
  TableRow against(Figures other, Figure figure, Bar bar) {
    return against(other.turn().id(), other.turn().toString(), other, figure, figure, bar);
  }

  /** The heap that the engine takes for each request, which has to be nothing. */
  TableRow heapAgainst(Figures other, Figure figure) {
    return new Load(model, id, words, sluice.least(figure)).against(other, figure, Bar.bound(0));
  }

  /**
   * The engine's figure over one of somebody's.
   *
   * @param otherId names them in the row's id
   * @param otherWords name them
   */
  TableRow against(
      String otherId,
      String otherWords,
      Figures other,
      Figure figure,
      Figure otherFigure,
      Bar bar) {
    return new TableRow(
        String.join("-", model, id, figure.id(), otherId),
        model,
        words + ", " + figure,
        otherWords,
        figure.unit(),
        sluice.median(figure),
        other.median(otherFigure),
        PairedRatio.of(sluice.all(figure), other.all(otherFigure)),
        figure.moreIsBetter(),
        bar == null ? null : bar.value(),
        bar != null && bar.strict());
  }
}
