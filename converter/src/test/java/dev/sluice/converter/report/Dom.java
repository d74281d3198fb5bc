package dev.sluice.converter.report;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** A page as an XML parser reads it. */
final class Dom {
  private final Document document;

  /** Reads it; throws where it is not well-formed. */
  Dom(String page) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    // Which count what is in the file itself, too.
    factory.setAttribute("jdk.xml.maxGeneralEntitySizeLimit", "0");
    factory.setAttribute("jdk.xml.totalEntitySizeLimit", "0");
    DocumentBuilder builder = factory.newDocumentBuilder();
    builder.setErrorHandler(null);
    document = builder.parse(new InputSource(new StringReader(page)));
  }

  /** The elements that a path finds. */
  List<Element> all(String path) throws Exception {
    NodeList found =
        (NodeList)
            XPathFactory.newInstance().newXPath().evaluate(path, document, XPathConstants.NODESET);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < found.getLength(); i++) {
      elements.add((Element) found.item(i));
    }
    return elements;
  }

  /** Their texts, with single spaces. */
  List<String> texts(String path) throws Exception {
    return all(path).stream().map(e -> flat(e.getTextContent())).toList();
  }

  /** The one text that a path finds. */
  String text(String path) throws Exception {
    List<String> texts = texts(path);
    if (texts.size() != 1) {
      throw new AssertionError(path + " finds " + texts);
    }
    return texts.getFirst();
  }

  private static String flat(String text) {
    return text.replace('\u00a0', ' ').replaceAll("\\s+", " ").strip();
  }
}
