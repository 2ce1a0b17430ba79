// What NVIDIA's libraries have in common here, and what becomes of the functions that have no file of their own.
#include "fake.h"

namespace fake {

thread_local cudaStream_t library_stream = nullptr;

int compute(const char* kind, const std::string& name, cudaStream_t stream) {
  Locked lock(everything);
  forget_contents();
  enqueue(kind, name, stream);
  return 0;
}

}  // namespace fake

// What generated functions call: one that computes is work for the GPU, any other does nothing and is counted as such,
// to be found where the fake turns out to lack something.
EXPORT long fake_gpu_stub(const char* name, int computes) {
  if (computes) return fake::compute("library", name, fake::library_stream);
  fake::count("stub", name);
  return 0;
}
