// The driver, by which Triton's kernels and torch's own lazily found functions come in.
#include <dlfcn.h>

#include <cstdio>

#include "fake.h"

namespace fake {

static const CUcontext CONTEXT = reinterpret_cast<CUcontext>(0x1000);

static CUresult result(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return CUDA_SUCCESS;
    case cudaErrorMemoryAllocation: return CUDA_ERROR_OUT_OF_MEMORY;
    case cudaErrorStreamCaptureUnsupported: return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    case cudaErrorStreamCaptureInvalidated: return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// Never freed: a module is loaded once, for as long as the process lives.
template <typename Handle>
static CUresult handle(Handle* to) {
  *to = reinterpret_cast<Handle>(new char);
  return CUDA_SUCCESS;
}

}  // namespace fake

EXPORT CUresult cuInit(unsigned) { return CUDA_SUCCESS; }

EXPORT CUresult cuDriverGetVersion(int* version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  *device = ordinal;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetCount(int* n) {
  *n = fake::device_count();
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice) {
  snprintf(name, length, "Fake GPU");
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute which, CUdevice) {
  *value = fake::attribute(which);
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned* flags, int* active) {
  *flags = 0;
  *active = 1;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
  *context = fake::CONTEXT;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxGetCurrent(CUcontext* context) {
  *context = fake::CONTEXT;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxSetCurrent(CUcontext) { return CUDA_SUCCESS; }

EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
  *device = fake::current_device;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuGetErrorString(CUresult, const char** text) {
  *text = "an error of the fake GPU's driver";
  return CUDA_SUCCESS;
}

EXPORT CUresult cuGetErrorName(CUresult error, const char** text) { return cuGetErrorString(error, text); }

EXPORT CUresult cuModuleLoad(CUmodule* module, const char*) { return fake::handle(module); }
EXPORT CUresult cuModuleLoadData(CUmodule* module, const void*) { return fake::handle(module); }
EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void*, unsigned, CUjit_option*, void**) {
  return fake::handle(module);
}
EXPORT CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }

EXPORT CUresult cuModuleGetFunction(CUfunction* function, CUmodule, const char* name) {
  fake::handle(function);
  fake::name_kernel(*function, name);
  return CUDA_SUCCESS;
}

EXPORT CUresult cuFuncGetAttribute(int* value, CUfunction_attribute which, CUfunction) {
  switch (which) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = 1024; break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;
    default: *value = 0;
  }
  return CUDA_SUCCESS;
}

EXPORT CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; }
EXPORT CUresult cuFuncSetCacheConfig(CUfunction, CUfunc_cache) { return CUDA_SUCCESS; }

EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                               unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                               CUstream stream, void**, void**) {
  return fake::result(
      fake::launch(function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, stream));
}

EXPORT CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                          unsigned block_x, unsigned block_y, unsigned block_z,
                                          unsigned shared_bytes, CUstream stream, void**) {
  return fake::result(
      fake::launch(function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, stream));
}

EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* shape, CUfunction function, void**, void**) {
  return fake::result(fake::launch(function, {shape->gridDimX, shape->gridDimY, shape->gridDimZ},
                                   {shape->blockDimX, shape->blockDimY, shape->blockDimZ}, shape->sharedMemBytes,
                                   shape->hStream));
}

EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads, size_t) {
  return fake::result(cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, 0));
}

EXPORT CUresult cuOccupancyMaxActiveClusters(int* clusters, CUfunction, const CUlaunchConfig*) {
  *clusters = 1;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuPointerGetAttribute(void* value, CUpointer_attribute which, CUdeviceptr pointer) {
  if (which == CU_POINTER_ATTRIBUTE_DEVICE_POINTER)
    *static_cast<CUdeviceptr*>(value) = pointer;
  else if (which == CU_POINTER_ATTRIBUTE_MEMORY_TYPE)
    *static_cast<int*>(value) = CU_MEMORYTYPE_DEVICE;
  else
    *static_cast<int*>(value) = 0;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamGetCtx(CUstream, CUcontext* context) { return cuCtxGetCurrent(context); }
EXPORT CUresult cuStreamSynchronize(CUstream stream) { return fake::result(cudaStreamSynchronize(stream)); }

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  return fake::result(cudaMalloc(reinterpret_cast<void**>(pointer), bytes));
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return fake::result(cudaFree(reinterpret_cast<void*>(pointer)));
}

EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr* pointer, size_t* bytes, CUmodule, const char*) {
  static char some[4096];
  if (pointer) *pointer = reinterpret_cast<CUdeviceptr>(some);
  if (bytes) *bytes = sizeof some;
  return CUDA_SUCCESS;
}

// The generator makes a stub of every function that torch can ask for here.
EXPORT cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                                    cudaDriverEntryPointQueryResult* found) {
  *function = dlsym(RTLD_DEFAULT, name);
  if (!*function) {
    fprintf(stderr, "fake GPU: no driver function %s\n", name);
    abort();
  }
  if (found) *found = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}
