// Kernels: known by name, launched by being counted, refused where their shape fits no GPU.
#include <cstdio>
#include <cstring>
#include <vector>

#include "fake.h"

namespace fake {

// By the address of the function on the host that stands for it, or by the driver's handle.
static std::map<const void*, std::string> names;

void name_kernel(const void* function, const std::string& name) {
  Locked lock(everything);
  names[function] = name;
}

static bool fits(dim3 grid, dim3 block, size_t shared_bytes) {
  const auto within = [](unsigned size, int most) { return size >= 1 && size <= unsigned(attribute(most)); };
  return within(grid.x, cudaDevAttrMaxGridDimX) && within(grid.y, cudaDevAttrMaxGridDimY) &&
         within(grid.z, cudaDevAttrMaxGridDimZ) && within(block.z, cudaDevAttrMaxBlockDimZ) &&
         within(block.x * block.y * block.z, cudaDevAttrMaxThreadsPerBlock) &&
         shared_bytes <= size_t(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
}

cudaError_t launch(const void* function, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream) {
  Locked lock(everything);
  const auto found = names.find(function);
  const std::string name = found == names.end() ? "unnamed kernel" : found->second;
  if (!fits(grid, block, shared_bytes)) {
    fprintf(stderr, "fake GPU: %s does not fit: grid %u %u %u, block %u %u %u, %zu bytes\n", name.c_str(), grid.x,
            grid.y, grid.z, block.x, block.y, block.z, shared_bytes);
    return fail(cudaErrorInvalidConfiguration);
  }
  forget_contents();
  return enqueue("kernel", name, stream);
}

// What <<<…>>> puts aside for the launch that follows it.
struct Shape {
  dim3 grid, block;
  size_t shared_bytes;
  void* stream;
};
static thread_local std::vector<Shape> shapes;

static cudaError_t occupancy(int* blocks, int threads) {
  *blocks = threads ? attribute(cudaDevAttrMaxThreadsPerMultiProcessor) / threads : 1;
  if (*blocks < 1) *blocks = 1;
  return cudaSuccess;
}

}  // namespace fake

EXPORT void** __cudaRegisterFatBinary(void*) {
  static void* handle;
  return &handle;
}
EXPORT void __cudaRegisterFatBinaryEnd(void**) {}
EXPORT void __cudaUnregisterFatBinary(void**) {}
EXPORT char __cudaInitModule(void**) { return 0; }
EXPORT void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}

EXPORT void __cudaRegisterFunction(void**, const char* function, char*, const char* name, int, void*, void*, void*,
                                   void*, int*) {
  fake::name_kernel(function, name);
}

EXPORT unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, void* stream) {
  fake::shapes.push_back({grid, block, shared_bytes, stream});
  return 0;
}

EXPORT cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes, void* stream) {
  const fake::Shape shape = fake::shapes.back();
  fake::shapes.pop_back();
  *grid = shape.grid;
  *block = shape.block;
  *shared_bytes = shape.shared_bytes;
  *static_cast<void**>(stream) = shape.stream;
  return cudaSuccess;
}

EXPORT cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(function));
  return cudaSuccess;
}

EXPORT cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void**, size_t shared_bytes,
                                    cudaStream_t stream) {
  return fake::launch(function, grid, block, shared_bytes, stream);
}

EXPORT cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void**, size_t shared_bytes,
                                      cudaStream_t stream) {
  return fake::launch(kernel, grid, block, shared_bytes, stream);
}

EXPORT cudaError_t cudaLaunchCooperativeKernel(const void* function, dim3 grid, dim3 block, void**,
                                               size_t shared_bytes, cudaStream_t stream) {
  return fake::launch(function, grid, block, shared_bytes, stream);
}

EXPORT cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* shape, const void* function, void**) {
  return fake::launch(function, shape->gridDim, shape->blockDim, shape->dynamicSmemBytes, shape->stream);
}

EXPORT cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  memset(attributes, 0, sizeof *attributes);
  attributes->maxThreadsPerBlock = fake::attribute(cudaDevAttrMaxThreadsPerBlock);
  attributes->maxDynamicSharedSizeBytes = fake::attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  attributes->numRegs = 32;
  attributes->ptxVersion = attributes->binaryVersion = fake::capability();
  return cudaSuccess;
}

EXPORT cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int threads, size_t) {
  return fake::occupancy(blocks, threads);
}

EXPORT cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int threads,
                                                                          size_t, unsigned) {
  return fake::occupancy(blocks, threads);
}
