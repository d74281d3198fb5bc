package dev.sluice.converter.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AmountsTest {
  private static String plain(String text) {
    return text.replace('\u00a0', ' ').replace('−', '-');
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "-0.0, 0",
    "1, 1",
    "-2.5, -2.5",
    "0.0401234, 0.04012",
    "123.456, 123.5",
    "9999.6, 10000",
    "12345.6, '12,346'",
    "0.0000123456, 1.235e-5",
    "-1.5e30, -1.500e30",
    "4.9e-324, 4.900e-324",
    "1.7976931348623157e308, 1.798e308",
    "NaN, NaN",
    "Infinity, ∞",
    "-Infinity, -∞"
  })
  void realNumbers(double value, String text) {
    assertThat(plain(Amounts.real(value))).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "31.27, 31.3",
    "-0.04, 0.0",
    "-3.25, -3.3",
    "Infinity, ∞",
    "NaN, NaN",
    "1e300, 1.000e300",
    ", –"
  })
  void levels(Double decibels, String text) {
    assertThat(plain(Amounts.level(decibels))).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 %",
    "1, 100 %",
    "0.9921875, 99.22 %",
    "0.99999, > 99.99 %",
    "0.00001, < 0.01 %",
    "0.05, 5 %",
    "1e30, 1.000e32 %",
    "NaN, NaN %",
    ", –"
  })
  void percentages(Double share, String text) {
    assertThat(plain(Amounts.percent(share))).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "999, 999 B",
    "1000, 1.0 kB",
    "999949, 999.9 kB",
    "999950, 1.0 MB",
    "4956208, 5.0 MB",
    "9223372036854775807, 9.2 EB",
    ", –"
  })
  void bytes(Long bytes, String text) {
    assertThat(plain(Amounts.bytes(bytes))).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"14.82, 14.8 ms", "5.113, 5.11 ms", "0.00191, 0.00191 ms", "1234.5, 1230 ms", ", –"})
  void times(Double ms, String text) {
    assertThat(plain(Amounts.milliseconds(ms))).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"2.898, 2.9", "0.4, 0.4", "12.4, 12", "1, 1"})
  void ratios(double ratio, String text) {
    assertThat(plain(Amounts.ratio(ratio))).isEqualTo(text);
  }
}
