// A GPU that computes nothing, seen by what its parts share.
//
// The files here define functions of the CUDA runtime, the driver and NVIDIA's libraries under their own names. Loaded
// before the real ones they take their place: PyTorch's CUDA code runs as it stands, memory is address space that
// nobody writes to, a kernel is a count.
#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace fake {

// One lock for all state: parts call each other while they hold it.
using Locked = std::lock_guard<std::recursive_mutex>;
extern std::recursive_mutex everything;

// What the environment asks for: FAKE_GPU_CAPABILITY (75 is 7.5), FAKE_GPU_COUNT, FAKE_GPU_GIB.
int capability();
int device_count();
size_t memory_limit();

extern thread_local int current_device;
int attribute(int which);

// Remembers an error for cudaGetLastError, and hands it on.
cudaError_t fail(cudaError_t error);

// Counts by kind and name: "kernel", "copy", "synchronisation", "graph", …
void count(const char* kind, const std::string& name, long times = 1);

// What a graph would launch.
using Nodes = std::map<std::string, long>;

// How many operations of each stream are done before something else is.
using Done = std::map<cudaStream_t, long>;

// A stream that is captured, and all streams that wait for it, share one of these.
struct Capture {
  unsigned long long id;
  cudaStreamCaptureMode mode;
  size_t thread;
  bool broken;
  Nodes nodes;
  std::map<cudaStream_t, long> ends;  // of the longest chain of nodes that leads to the end of each stream
  std::map<cudaStream_t, Done> done;  // before the end of each stream, itself among them
  long longest = 0;
};
std::shared_ptr<Capture> capture_of(cudaStream_t stream);

// A call that the running captures of this mode and thread forbid breaks them, as in CUDA; else cudaSuccess.
cudaError_t refuse_in_capture(const char* call);

// Puts an operation on a stream: a node of the graph that is captured there, or one launched on its own.
cudaError_t enqueue(const char* kind, const std::string& name, cudaStream_t stream);

// The stream of the libraries' next call. Torch sets it before each, so that one for all of a thread's handles will do.
extern thread_local cudaStream_t library_stream;
// A call of a library that computes: 0, as success is in all of them. A capture that it breaks fails at its end.
int compute(const char* kind, const std::string& name, cudaStream_t stream);

cudaError_t launch(const void* function, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream);
void name_kernel(const void* function, const std::string& name);

// The host knows what lies in device memory only until a kernel has run.
void forget_contents();
void copy_contents(void* to, const void* from, size_t bytes);

}  // namespace fake
