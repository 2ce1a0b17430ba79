// Device memory: address space up to a limit, and the little of its contents that the host can know.
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "fake.h"

namespace fake {

struct Block {
  size_t bytes;
  int device;
};
// By address: what cudaMalloc and cudaHostAlloc handed out, and what of the former is known.
static std::map<uintptr_t, Block> on_device, pinned;
static std::map<uintptr_t, size_t> known;
static std::map<int, size_t> in_use;
static size_t most_in_use = 0;

// Larger pieces are never written: nobody reads them back, and pages that nobody touches cost nothing.
static const size_t SMALL = 64 << 10;

static std::map<uintptr_t, Block>::iterator find(std::map<uintptr_t, Block>& blocks, const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto block = blocks.upper_bound(address);
  if (block == blocks.begin()) return blocks.end();
  --block;
  return address < block->first + block->second.bytes ? block : blocks.end();
}

static bool is_device(const void* pointer) { return find(on_device, pointer) != on_device.end(); }
static bool is_pinned(const void* pointer) { return find(pinned, pointer) != pinned.end(); }

static bool is_known(const void* pointer, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto piece = known.upper_bound(address);
  if (piece == known.begin()) return false;
  --piece;
  return address + bytes <= piece->first + piece->second;
}

static void set_known(const void* pointer, size_t bytes, bool is) {
  const auto first = reinterpret_cast<uintptr_t>(pointer), last = first + bytes;
  for (auto piece = known.begin(); piece != known.end();)
    piece = piece->first < last && first < piece->first + piece->second ? known.erase(piece) : std::next(piece);
  if (is) known[first] = bytes;
}

void forget_contents() { known.clear(); }

// What a kernel has computed is unknown, and read as zeros. What the host wrote it can read again.
void copy_contents(void* to, const void* from, size_t bytes) {
  const bool source_known = !is_device(from) || is_known(from, bytes);
  if (!is_device(to)) {
    if (source_known)
      memcpy(to, from, bytes);
    else
      memset(to, 0, bytes);
    return;
  }
  const bool copied = source_known && bytes <= SMALL;
  if (copied) memmove(to, from, bytes);
  set_known(to, bytes, copied);
}

// Whether a copy is one between the GPU and memory that is not pinned.
static bool pageable(const void* to, const void* from) {
  const void* host = is_device(to) ? from : to;
  return is_device(to) != is_device(from) && !is_pinned(host);
}

static const char* direction(const void* to, const void* from) {
  if (is_device(to)) return is_device(from) ? "device to device" : "host to device";
  return is_device(from) ? "device to host" : "host to host";
}

static cudaError_t copy(void* to, const void* from, size_t bytes, cudaStream_t stream) {
  Locked lock(everything);
  if (pageable(to, from) && capture_of(stream)) return refuse_in_capture("a copy of memory that is not pinned");
  copy_contents(to, from, bytes);
  return enqueue("copy", direction(to, from), stream);
}

static cudaError_t fill(void* memory, int value, size_t bytes, cudaStream_t stream) {
  Locked lock(everything);
  if (bytes <= SMALL) memset(memory, value, bytes);
  set_known(memory, bytes, bytes <= SMALL);
  return enqueue("fill", "memset", stream);
}

}  // namespace fake

EXPORT cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  fake::Locked lock(fake::everything);
  if (const cudaError_t error = fake::refuse_in_capture("cudaMalloc")) return error;
  size_t& used = fake::in_use[fake::current_device];
  if (used + bytes > fake::memory_limit()) return fake::fail(cudaErrorMemoryAllocation);
  const size_t mapped = bytes ? bytes : 1;
  *pointer = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (*pointer == MAP_FAILED) return fake::fail(cudaErrorMemoryAllocation);
  fake::on_device[reinterpret_cast<uintptr_t>(*pointer)] = {mapped, fake::current_device};
  used += mapped;
  if (used > fake::most_in_use) fake::most_in_use = used;
  fake::count("memory", "cudaMalloc");
  return cudaSuccess;
}

EXPORT cudaError_t cudaFree(void* pointer) {
  if (!pointer) return cudaSuccess;
  fake::Locked lock(fake::everything);
  if (const cudaError_t error = fake::refuse_in_capture("cudaFree")) return error;
  const auto block = fake::on_device.find(reinterpret_cast<uintptr_t>(pointer));
  if (block == fake::on_device.end()) return fake::fail(cudaErrorInvalidValue);
  const auto [bytes, device] = block->second;
  fake::set_known(pointer, bytes, false);
  munmap(pointer, bytes);
  fake::in_use[device] -= bytes;
  fake::on_device.erase(block);
  fake::count("memory", "cudaFree");
  return cudaSuccess;
}

EXPORT cudaError_t cudaMallocAsync(void** pointer, size_t bytes, cudaStream_t) { return cudaMalloc(pointer, bytes); }
EXPORT cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return cudaFree(pointer); }

EXPORT cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) {
  fake::Locked lock(fake::everything);
  *pointer = calloc(1, bytes ? bytes : 1);
  fake::pinned[reinterpret_cast<uintptr_t>(*pointer)] = {bytes ? bytes : 1, fake::current_device};
  return cudaSuccess;
}

EXPORT cudaError_t cudaFreeHost(void* pointer) {
  fake::Locked lock(fake::everything);
  fake::pinned.erase(reinterpret_cast<uintptr_t>(pointer));
  free(pointer);
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total) {
  fake::Locked lock(fake::everything);
  *total = fake::memory_limit();
  *free_bytes = *total - fake::in_use[fake::current_device];
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  fake::count("synchronisation", "cudaMemcpy");
  if (const cudaError_t error = fake::refuse_in_capture("cudaMemcpy")) return error;
  return fake::copy(to, from, bytes, nullptr);
}

EXPORT cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  return fake::copy(to, from, bytes, stream);
}

EXPORT cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t bytes, cudaStream_t stream) {
  return fake::copy(to, from, bytes, stream);
}

EXPORT cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t, size_t, size_t height,
                                     cudaMemcpyKind, cudaStream_t stream) {
  fake::Locked lock(fake::everything);
  fake::set_known(to, to_pitch * height, false);
  return fake::enqueue("copy", fake::direction(to, from), stream);
}

EXPORT cudaError_t cudaMemset(void* memory, int value, size_t bytes) { return fake::fill(memory, value, bytes, nullptr); }

EXPORT cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  return fake::fill(memory, value, bytes, stream);
}

EXPORT cudaError_t cudaGetSymbolAddress(void** pointer, const void*) {
  static char some[1 << 20];
  *pointer = some;
  return cudaSuccess;
}

EXPORT cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  fake::Locked lock(fake::everything);
  memset(attributes, 0, sizeof *attributes);
  const auto block = fake::find(fake::on_device, pointer);
  if (block != fake::on_device.end()) {
    attributes->type = cudaMemoryTypeDevice;
    attributes->device = block->second.device;
    attributes->devicePointer = const_cast<void*>(pointer);
    return cudaSuccess;
  }
  attributes->hostPointer = const_cast<void*>(pointer);
  attributes->type = cudaMemoryTypeUnregistered;
  if (fake::is_pinned(pointer)) {
    attributes->type = cudaMemoryTypeHost;
    attributes->devicePointer = const_cast<void*>(pointer);
  }
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  *pool = reinterpret_cast<cudaMemPool_t>(1);
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* value) {
  *static_cast<uint64_t*>(value) = 0;
  return cudaSuccess;
}

// Bytes that all programs of the GPU held at the worst moment since the last call.
EXPORT size_t fake_gpu_peak_bytes() {
  fake::Locked lock(fake::everything);
  const size_t peak = fake::most_in_use;
  fake::most_in_use = fake::in_use[fake::current_device];
  return peak;
}
