package dev.sluice.engine.cuda;

import dev.sluice.bindings.cuda.CudaApi;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.TypeKind;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;

/**
 * A driver that hands every call on to another until it is told to be quiet; then each succeeds,
 * and does and allocates nothing. Its class is made at run time: a {@link java.lang.reflect.Proxy}
 * would allocate.
 *
 * <p>Thread safety: any thread.
 */
public final class QuietCuda {
  private static volatile boolean quiet;

  private QuietCuda() {}

  /** Whether every such driver is quiet; called by the class that is made. */
  public static boolean isQuiet() {
    return quiet;
  }

  /** Makes every such driver quiet, or loud again. */
  public static void setQuiet(boolean value) {
    quiet = value;
  }

  /** A driver over another. */
  public static CudaApi over(CudaApi target) throws ReflectiveOperationException {
    ClassDesc self = ClassDesc.of(QuietCuda.class.getPackageName(), "QuietCudaMade");
    ClassDesc api = CudaApi.class.describeConstable().orElseThrow();
    MethodTypeDesc constructor = MethodTypeDesc.of(ConstantDescs.CD_void, api);
    byte[] bytes =
        ClassFile.of()
            .build(
                self,
                made -> {
                  made.withFlags(ClassFile.ACC_PUBLIC | ClassFile.ACC_FINAL)
                      .withInterfaceSymbols(api)
                      .withField("target", api, ClassFile.ACC_PRIVATE | ClassFile.ACC_FINAL)
                      .withMethodBody(
                          ConstantDescs.INIT_NAME,
                          constructor,
                          ClassFile.ACC_PUBLIC,
                          code ->
                              code.aload(0)
                                  .invokespecial(
                                      ConstantDescs.CD_Object,
                                      ConstantDescs.INIT_NAME,
                                      ConstantDescs.MTD_void)
                                  .aload(0)
                                  .aload(1)
                                  .putfield(self, "target", api)
                                  .return_());
                  for (Method method : CudaApi.class.getMethods()) {
                    if (Modifier.isAbstract(method.getModifiers())) {
                      made.withMethodBody(
                          method.getName(),
                          type(method),
                          ClassFile.ACC_PUBLIC,
                          code -> body(code, self, api, method));
                    }
                  }
                });
    Constructor<?> made =
        MethodHandles.lookup()
            .defineHiddenClass(bytes, true)
            .lookupClass()
            .getConstructor(CudaApi.class);
    return (CudaApi) made.newInstance(target);
  }

  private static MethodTypeDesc type(Method method) {
    return MethodType.methodType(method.getReturnType(), method.getParameterTypes())
        .describeConstable()
        .orElseThrow();
  }

  private static void body(CodeBuilder code, ClassDesc self, ClassDesc api, Method method) {
    if (method.getReturnType() != int.class) {
      throw new AssertionError(method + " returns no CUresult");
    }
    ClassDesc quietCuda = QuietCuda.class.describeConstable().orElseThrow();
    code.invokestatic(quietCuda, "isQuiet", MethodTypeDesc.of(ConstantDescs.CD_boolean))
        .ifThen(quietly -> quietly.iconst_0().ireturn())
        .aload(0)
        .getfield(self, "target", api);
    int slot = 1;
    for (Class<?> parameter : method.getParameterTypes()) {
      TypeKind kind = TypeKind.from(parameter);
      code.loadLocal(kind, slot);
      slot += kind.slotSize();
    }
    code.invokeinterface(api, method.getName(), type(method)).ireturn();
  }
}
