/** The report of a build in lower precision: what it cost, where, and why, as one page of HTML. */
package dev.sluice.converter.report;
