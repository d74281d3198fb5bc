/** The engine beside its peers, each in a process of its own, in turns. */
package dev.sluice.bench.peers;
