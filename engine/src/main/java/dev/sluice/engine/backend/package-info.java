/**
 * What a backend must offer: memory for batches of one shape, and lanes that run them. Knows
 * nothing of requests, queues or time.
 */
package dev.sluice.engine.backend;
