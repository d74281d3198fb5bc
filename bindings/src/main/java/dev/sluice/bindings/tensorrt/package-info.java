/**
 * TensorRT through the JavaCPP presets: the only package that touches JavaCPP, and the probe that
 * tells what a GPU machine can do.
 *
 * <p>No class of JavaCPP may load before the driver has answered through {@link
 * dev.sluice.bindings.cuda.DriverProbe}: without a driver the presets' static initialisers fail.
 * The presets are optional and stand on the class path even where this module stands on the module
 * path: the descriptor of their main jar names a package that is not in it, and Java refuses such a
 * module.
 */
package dev.sluice.bindings.tensorrt;
