/**
 * A zoo of small trained models of different kinds, each with labelled samples that it never learnt
 * from: what the accuracy of quantized models is measured on.
 *
 * <p>The models come from {@link dev.sluice.bench.train.TrainZoo}, bit for bit; their samples are
 * drawn when somebody asks for them.
 */
package dev.sluice.bench.zoo;
