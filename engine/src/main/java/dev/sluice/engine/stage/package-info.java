/**
 * Pre- and post-processing that a package carries: images of bytes become the model's input, scores
 * become the few numbers that a caller wants. What a stage is ({@link
 * dev.sluice.engine.stage.InputStage}, {@link dev.sluice.engine.stage.OutputStage}), how the
 * command line writes it, which kernels run it ({@link dev.sluice.engine.stage.StagePlan}), and how
 * a backend whose memory is the host's runs it ({@link dev.sluice.engine.stage.StagedBackend}).
 */
package dev.sluice.engine.stage;
