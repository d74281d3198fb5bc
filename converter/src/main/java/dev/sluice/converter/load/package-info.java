/** Load on an engine: callers in a closed or an open loop whose every answer is checked. */
package dev.sluice.converter.load;
