// The device itself: how many there are, what they can do, what went wrong last.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fake.h"

namespace fake {

static int setting(const char* name, int otherwise) {
  const char* value = getenv(name);
  return value ? atoi(value) : otherwise;
}

int capability() {
  static const int value = setting("FAKE_GPU_CAPABILITY", 90);
  return value;
}

int device_count() {
  static const int value = setting("FAKE_GPU_COUNT", 1);
  return value;
}

size_t memory_limit() {
  static const size_t value = size_t(setting("FAKE_GPU_GIB", 80)) << 30;
  return value;
}

thread_local int current_device = 0;
static thread_local cudaError_t last_error = cudaSuccess;

cudaError_t fail(cudaError_t error) {
  last_error = error;
  return error;
}

// Numbers that differ among architectures and decide which kernels fit. NVIDIA's programming guide, "Compute
// Capabilities"; multiprocessors are those of a T4, A100, A10, L4, H100, B200 and RTX 5090.
struct Architecture {
  int capability, multiprocessors, threads, shared_bytes;
};
static const Architecture ARCHITECTURES[] = {
    {70, 80, 2048, 96 << 10},   {75, 40, 1024, 64 << 10},   {80, 108, 2048, 163 << 10},  {86, 72, 1536, 99 << 10},
    {89, 58, 1536, 99 << 10},   {90, 132, 2048, 227 << 10}, {100, 148, 2048, 227 << 10}, {120, 170, 1536, 99 << 10},
};

static const Architecture& architecture() {
  for (const auto& each : ARCHITECTURES)
    if (each.capability == capability()) return each;
  fprintf(stderr, "fake GPU: FAKE_GPU_CAPABILITY=%d is none that it knows\n", capability());
  abort();
}

int attribute(int which) {
  switch (which) {
    case cudaDevAttrComputeCapabilityMajor: return capability() / 10;
    case cudaDevAttrComputeCapabilityMinor: return capability() % 10;
    case cudaDevAttrMultiProcessorCount: return architecture().multiprocessors;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return architecture().threads;
    case cudaDevAttrMaxBlocksPerMultiprocessor: return 16;
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY: return 1024;
    case cudaDevAttrMaxBlockDimZ: return 64;
    case cudaDevAttrMaxGridDimX: return 0x7fffffff;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: return 65535;
    case cudaDevAttrWarpSize: return 32;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor: return 65536;
    case cudaDevAttrMaxSharedMemoryPerBlock: return 48 << 10;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return architecture().shared_bytes;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return architecture().shared_bytes + 1024;
    case cudaDevAttrReservedSharedMemoryPerBlock: return 1024;
    case cudaDevAttrL2CacheSize: return 50 << 20;
    case cudaDevAttrClockRate: return 1'500'000;        // kHz
    case cudaDevAttrMemoryClockRate: return 2'000'000;  // kHz
    case cudaDevAttrGlobalMemoryBusWidth: return 4096;  // bits
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrMemoryPoolsSupported: return 1;
    default: return 0;
  }
}

static void describe(cudaDeviceProp* properties, int device) {
  memset(properties, 0, sizeof *properties);
  snprintf(properties->name, sizeof properties->name, "Fake GPU sm_%d", capability());
  for (size_t i = 0; i < sizeof properties->uuid.bytes; i++) properties->uuid.bytes[i] = char(i + device);
  properties->major = attribute(cudaDevAttrComputeCapabilityMajor);
  properties->minor = attribute(cudaDevAttrComputeCapabilityMinor);
  properties->totalGlobalMem = memory_limit();
  properties->multiProcessorCount = attribute(cudaDevAttrMultiProcessorCount);
  properties->maxThreadsPerMultiProcessor = attribute(cudaDevAttrMaxThreadsPerMultiProcessor);
  properties->maxBlocksPerMultiProcessor = attribute(cudaDevAttrMaxBlocksPerMultiprocessor);
  properties->maxThreadsPerBlock = attribute(cudaDevAttrMaxThreadsPerBlock);
  properties->warpSize = attribute(cudaDevAttrWarpSize);
  properties->regsPerBlock = attribute(cudaDevAttrMaxRegistersPerBlock);
  properties->regsPerMultiprocessor = attribute(cudaDevAttrMaxRegistersPerMultiprocessor);
  properties->sharedMemPerBlock = attribute(cudaDevAttrMaxSharedMemoryPerBlock);
  properties->sharedMemPerBlockOptin = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  properties->sharedMemPerMultiprocessor = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  properties->reservedSharedMemPerBlock = attribute(cudaDevAttrReservedSharedMemoryPerBlock);
  properties->l2CacheSize = attribute(cudaDevAttrL2CacheSize);
  properties->memoryBusWidth = attribute(cudaDevAttrGlobalMemoryBusWidth);
  properties->asyncEngineCount = 2;
  properties->concurrentKernels = properties->cooperativeLaunch = properties->streamPrioritiesSupported = 1;
  properties->unifiedAddressing = properties->managedMemory = properties->canMapHostMemory = 1;
  for (int i = 0; i < 3; i++) {
    properties->maxThreadsDim[i] = attribute(cudaDevAttrMaxBlockDimX + i);
    properties->maxGridSize[i] = attribute(cudaDevAttrMaxGridDimX + i);
  }
}

}  // namespace fake

EXPORT cudaError_t cudaGetDeviceCount(int* n) {
  *n = fake::device_count();
  return cudaSuccess;
}

EXPORT cudaError_t cudaGetDevice(int* device) {
  *device = fake::current_device;
  return cudaSuccess;
}

EXPORT cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= fake::device_count()) return fake::fail(cudaErrorInvalidDevice);
  fake::current_device = device;
  return cudaSuccess;
}

EXPORT cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  fake::describe(properties, device);
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int) {
  *value = fake::attribute(which);
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device) {
  snprintf(id, length, "0000:%02x:00.0", device);
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 1;
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceSynchronize() {
  fake::count("synchronisation", "cudaDeviceSynchronize");
  return fake::refuse_in_capture("cudaDeviceSynchronize");
}

EXPORT cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

EXPORT cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

EXPORT cudaError_t cudaGetLastError() {
  const cudaError_t error = fake::last_error;
  fake::last_error = cudaSuccess;
  return error;
}

EXPORT cudaError_t cudaPeekAtLastError() { return fake::last_error; }

EXPORT const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return "out of memory";
  static thread_local char text[64];
  snprintf(text, sizeof text, "error %d of the fake GPU", int(error));
  return text;
}

EXPORT const char* cudaGetErrorName(cudaError_t error) { return cudaGetErrorString(error); }
