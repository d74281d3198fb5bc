package dev.sluice.converter.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.xml.sax.SAXException;

class HtmlTest {
  @Test
  void textsAndAttributesAreEscaped() throws Exception {
    String hostile = "</script><b a='1' c=\"2\">&amp;";
    String page = new Html().open("p", "title", hostile).text(hostile).close("p").finish();
    assertThat(page).doesNotContain("<b").doesNotContain("</script").doesNotContain("'1'");
    Dom dom = new Dom(page);
    assertThat(dom.text("/p")).isEqualTo(hostile);
    assertThat(dom.all("/p").getFirst().getAttribute("title")).isEqualTo(hostile);
  }

  @Test
  void whatXmlRefusesIsReplaced() throws Exception {
    String text = "a\u0000b\u001bc\ud800d\udc00e\ufffff\u0085g" + "\ud83d\ude00";
    String page = new Html().element("p", text).finish();
    assertThat(new Dom(page).text("/p"))
        .isEqualTo("a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg\ud83d\ude00");
  }

  @Test
  void namesThatTurnTheTextAreSpelledOut() throws Exception {
    String page = new Html().name("a\u202e\u2066b\u200f\u061c\u0000\nc").finish();
    assertThat(new Dom(page).text("/bdi"))
        .isEqualTo("a\\u{202e}\\u{2066}b\\u{200f}\\u{61c}\\u{0} c");
  }

  @Test
  void letterOfAnyScriptStays() {
    assertThat(Names.shown("\u05d0\u4e2d\ud83d\ude00é", 9)).isEqualTo("\u05d0\u4e2d\ud83d\ude00é");
  }

  @Test
  void longNamesKeepBothEnds() {
    String name = "first" + "x".repeat(10_000) + "last";
    assertThat(Names.shown(name, 21)).startsWith("first").endsWith("last").hasSize(21);
    assertThat(Names.shown("x".repeat(21), 21)).isEqualTo("x".repeat(21));
    assertThat(Names.shown("\ud83d\ude00".repeat(50), 10).codePoints()).hasSize(10);
    assertThat(new Html().name("").finish()).contains("(no name)");
  }

  @Test
  void elementsCloseInOrder() {
    Html html = new Html().open("p").open("b");
    assertThatThrownBy(() -> html.close("p")).hasMessageContaining("[b, p]");
    assertThatThrownBy(html::finish).hasMessageContaining("still open");
    assertThat(html.close("b").close("p").finish()).contains("<p><b></b></p>");
  }

  @Test
  void styleSheetsCannotEndTheirElement() {
    assertThatThrownBy(() -> new Html().style("a{}</style>"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theParserOfTheseTestsRefusesWhatIsNotWellFormed() {
    assertThatThrownBy(() -> new Dom("<!DOCTYPE html><p><br></p>"))
        .isInstanceOf(SAXException.class);
  }
}
