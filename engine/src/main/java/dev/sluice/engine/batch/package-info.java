/**
 * The claim protocol: how concurrent callers share batch buffers and lanes. {@code
 * docs/claim-protocol.md} is its specification.
 */
package dev.sluice.engine.batch;
