/**
 * The command {@code sluice}: one class per subcommand, {@link dev.sluice.converter.cli.Output} for
 * what is printed and {@link dev.sluice.converter.cli.Failures} for what becomes of exceptions.
 */
package dev.sluice.converter.cli;
