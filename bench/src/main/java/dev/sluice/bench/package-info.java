/** The project's own tools, in the packages below; services never use them. */
package dev.sluice.bench;
