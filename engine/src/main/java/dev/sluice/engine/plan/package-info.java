/**
 * Plans of TensorRT: how they are built from a package's graph and weights, what tells one from
 * another, where a package and the user's cache keep them, and which one fits a device.
 *
 * <p>A package holds plans as pairs of entries, {@code plans/NAME.plan} and {@code
 * plans/NAME.json}, where the name is {@link dev.sluice.engine.plan.PlanKey#packageName} and the
 * JSON is the {@link dev.sluice.engine.plan.PlanKey}; {@code plans/NAME.layers.json} has what
 * TensorRT's inspector told of the plan's layers, for people, and may be missing. A reader that
 * does not know them overlooks them and loses nothing but time, so they need no format version of
 * the package's own.
 */
package dev.sluice.engine.plan;
