/** The model that ships with the project, and the data that its accuracy is measured on. */
package dev.sluice.converter.demo;
