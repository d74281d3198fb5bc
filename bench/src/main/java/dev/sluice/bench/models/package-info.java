/**
 * The models that the GPU table is measured on, made in Java from a seed: {@link
 * dev.sluice.bench.models.ResNet}, {@link dev.sluice.bench.models.MobileNet} and {@link
 * dev.sluice.bench.models.Bert}, each of any size, and at full size in {@link
 * dev.sluice.bench.models.TableModel}. {@link dev.sluice.bench.models.Perceptron} and {@link
 * dev.sluice.bench.models.SqueezeNet} are measured on the CPU, too. Beside them are {@link
 * dev.sluice.bench.models.Lstm}, {@link dev.sluice.bench.models.UNet} and {@link
 * dev.sluice.bench.models.Yolo}, which put other operators through the converter. Each is made with
 * a dynamic or a fixed batch.
 *
 * <p>The architectures are the well-known ones, node for node and parameter for parameter, since
 * these decide how fast an engine is; the weights are random and scaled so that activations stay of
 * the size that training gives them. The same seed gives the same bytes on any machine.
 */
package dev.sluice.bench.models;
