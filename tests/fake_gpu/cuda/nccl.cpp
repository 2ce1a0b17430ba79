// NCCL: processes that never meet. Each sees the others as copies of itself.
#include <cstring>

#include "fake.h"

static int communicator(void** handle) {
  *handle = new char[64]();
  return 0;
}

// ncclDataType_t: 8, 8, 32, 32, 64, 64 bits of integers; 16, 32, 64 of floats; bfloat16; two of 8 bits.
static size_t width(int type) {
  static const size_t WIDTHS[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};
  return WIDTHS[type];
}

EXPORT int ncclCommInitRank(void** handle, int, char[128], int) { return communicator(handle); }
EXPORT int ncclCommInitRankConfig(void** handle, int, char[128], int, void*) { return communicator(handle); }
EXPORT int ncclCommInitRankScalable(void** handle, int, int, int, void*, void*) { return communicator(handle); }
EXPORT int ncclCommSplit(void*, int, int, void** handle, void*) { return communicator(handle); }

EXPORT int ncclCommGetAsyncError(void*, int* error) {
  *error = 0;
  return 0;
}

EXPORT int ncclCommCount(void*, int* n) {
  *n = fake::device_count();
  return 0;
}

EXPORT int ncclCommUserRank(void*, int* rank) {
  *rank = fake::current_device;
  return 0;
}

EXPORT int ncclAllReduce(const void*, void*, size_t, int, int, void*, cudaStream_t stream) {
  return fake::compute("collective", "ncclAllReduce", stream);
}

// From oneself, in place: what is known stays known.
EXPORT int ncclBcast(void*, size_t, int, int, void*, cudaStream_t stream) {
  fake::enqueue("collective", "ncclBcast", stream);
  return 0;
}

EXPORT int ncclAllGather(const void* own, void* all, size_t n, int type, void*, cudaStream_t stream) {
  fake::Locked lock(fake::everything);
  const size_t bytes = n * width(type);
  for (int i = 0; i < fake::device_count(); i++) fake::copy_contents(static_cast<char*>(all) + i * bytes, own, bytes);
  fake::enqueue("collective", "ncclAllGather", stream);
  return 0;
}
