package dev.sluice.bindings.onnxruntime;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What ONNX Runtime says of a failure, without the place in its own sources where it says so: file
 * and line, the C++ signature of the function, and the condition that did not hold, where a
 * sentence for people follows.
 *
 * <p>Thread safety: stateless.
 */
final class OrtMessage {
  private static final Pattern SOURCE =
      Pattern.compile("[\\w./-]*onnxruntime/[\\w./-]+\\.(?:cc|cpp|h|hpp):\\d+ ");

  private static final Pattern CONDITION = Pattern.compile("\\G[^.]{1,300}? was false\\. (?=\\S)");

  /** What a compiler writes behind a signature. */
  private static final Pattern BEHIND =
      Pattern.compile("\\G( const| mutable)?( \\[with [^\\]]*\\])? ?");

  /** No signature is longer. */
  private static final int MAX_SIGNATURE = 4000;

  private OrtMessage() {}

  /** The message without such places; as it is where it has none. */
  static String plain(String message) {
    StringBuilder plain = new StringBuilder();
    Matcher source = SOURCE.matcher(message);
    int copied = 0;
    while (source.find(copied)) {
      int end = signatureEnd(message, source.end());
      if (end < 0) {
        break;
      }
      Matcher behind = BEHIND.matcher(message);
      end = behind.find(end) ? behind.end() : end;
      Matcher condition = CONDITION.matcher(message);
      end = condition.find(end) ? condition.end() : end;
      if (end == message.length()) {
        break; // nothing would be left to say
      }
      plain.append(message, copied, source.start());
      copied = end;
    }
    return plain.append(message, copied, message.length()).toString();
  }

  /** Where a C++ signature ends, behind the bracket of its arguments; -1 where there is none. */
  private static int signatureEnd(String message, int start) {
    int open = 0;
    for (int i = start; i < Math.min(message.length(), start + MAX_SIGNATURE); i++) {
      char c = message.charAt(i);
      if (c == '\n') {
        return -1;
      }
      if (c == '(') {
        open++;
      } else if (c == ')' && --open == 0 && !message.startsWith("(", i + 1)) {
        return i + 1;
      }
    }
    return -1;
  }
}
