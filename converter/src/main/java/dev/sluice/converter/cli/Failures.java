package dev.sluice.converter.cli;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtUnavailableException;
import dev.sluice.converter.calibrate.SampleCheck;
import dev.sluice.converter.image.ImageException;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.npy.NpyException;
import dev.sluice.engine.plan.PlanCancelledException;
import dev.sluice.engine.plan.PlanException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The one place where an exception becomes a message and an exit status.
 *
 * <p>Thread safety: stateless.
 */
final class Failures {
  /** The run failed: a native error, no memory, a full disk. */
  static final int FAILED = 1;

  /** Bad usage or bad input. */
  static final int BAD_INPUT = 2;

  /** A bar was not met. */
  static final int BELOW_BAR = 3;

  private static final String NO_SPACE = "No space left on device";

  private Failures() {}

  /** Tells the user and returns the exit status. */
  static int report(Throwable failure, CommandLine command, List<String> arguments) {
    int status = status(failure);
    String message = message(failure);
    PrintWriter err = command.getErr();
    err.println(command.getColorScheme().errorText("sluice: " + Output.printable(message)));
    if (failure instanceof ParameterException usage) {
      hint(usage, command, err);
    }
    if (arguments.contains("--debug") || Boolean.getBoolean("sluice.debug")) {
      failure.printStackTrace(err);
    }
    err.flush();
    if (arguments.contains("--json") && !Sluice.of(command.getCommandSpec()).isPrinted()) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("error", message);
      object.put("exitStatus", status);
      command.getOut().println(Json.write(object));
      command.getOut().flush();
    }
    return status;
  }

  private static void hint(ParameterException usage, CommandLine command, PrintWriter err) {
    if (usage instanceof UnmatchedArgumentException unmatched) {
      List<String> suggestions = unmatched.getSuggestions();
      if (!suggestions.isEmpty() && suggestions.size() <= 3) {
        err.println("Did you mean " + String.join(" or ", suggestions) + "?");
      }
    }
    err.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
  }

  static int status(Throwable failure) {
    return switch (failure) {
      case BelowBarException _ -> BELOW_BAR;
      case BadInputException _, ParameterException _ -> BAD_INPUT;
      case PlanCancelledException _ -> FAILED;
      case PlanException _ -> BAD_INPUT;
      case PackageException _, ModelException _, NpyException _, ImageException _ -> BAD_INPUT;
      case SampleCheck.UnfitException _ -> BAD_INPUT;
      case InferenceException e when e.reason() == InferenceException.Reason.BAD_INPUT -> BAD_INPUT;
      case UncheckedIOException e when e.getCause() != null -> status(e.getCause());
      case FileSystemException e -> isFull(e) ? FAILED : BAD_INPUT;
      default -> FAILED;
    };
  }

  /** A full disk is nobody's bad input. */
  private static boolean isFull(FileSystemException e) {
    String reason = Objects.requireNonNullElse(e.getReason(), "");
    return reason.contains(NO_SPACE) || reason.contains("quota");
  }

  /** What the file system refuses; messages of our own have their remedy already. */
  private static String fileMessage(FileSystemException e) {
    String reason = Objects.requireNonNullElse(e.getReason(), "");
    if (isFull(e)) {
      return e.getFile() + ": the disk is full (" + reason + "); make room, or name another place";
    }
    if (reason.contains("; ")) {
      return e.getFile() + ": " + reason;
    }
    String what =
        switch (e) {
          case FileAlreadyExistsException _ -> "is there already";
          case DirectoryNotEmptyException _ -> "is a folder that is not empty";
          case NotDirectoryException _ -> "is no folder";
          case FileSystemLoopException _ -> "is a link that leads to itself";
          default -> reason.isEmpty() ? "the file system refuses it" : reason;
        };
    return e.getFile() + ": " + what + "; name another file or folder";
  }

  /** What happened and what to do, in a line or a few. */
  static String message(Throwable failure) {
    String own = Objects.requireNonNullElse(failure.getMessage(), "").strip();
    return switch (failure) {
      case NoSuchFileException e when e.getReason() == null ->
          e.getFile() + ": no such file or folder; check the path";
      case AccessDeniedException e ->
          e.getFile() + ": this user has no permission; change it, or name another place";
      case FileSystemException e -> fileMessage(e);
      case UncheckedIOException e when e.getCause() != null -> message(e.getCause());
      case OutOfMemoryError _ ->
          "out of memory (" + own + "); give Java more with SLUICE_JAVA_OPTIONS=-Xmx…";
      case BackendException _, InferenceException _, NativeException _ -> own;
      case UnsupportedOperationException _ when !own.isEmpty() -> own;
      case BadInputException _, BelowBarException _, RunFailedException _ -> own;
      case ParameterException _ -> own;
      case PlanException _ -> own;
      case InterruptedException _, ClosedByInterruptException _, InterruptedIOException _ ->
          "interrupted";
      case InternalError _ when own.contains("fault occurred") ->
          "a file was cut off while it was read; copy or build it again, and keep it while it is used";
      case IOException _ when own.equals(NO_SPACE) ->
          "the disk is full; make room, or name another place";
      case IOException _ when !own.isEmpty() -> own;
      case OrtUnavailableException _ -> own;
      default ->
          "this is a defect of sluice: "
              + failure
              + "; run it again with --debug and report what it prints";
    };
  }
}
