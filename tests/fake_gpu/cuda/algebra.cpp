// cuBLAS and cuSOLVER, as far as they hand something back: handles, sizes, a choice of algorithm. Everything else that
// they compute is a stub of the generator's.
#include <cstdint>
#include <cstring>

#include "fake.h"

static int algebra_handle(void** handle) {
  *handle = new char[64]();
  return 0;
}

static int no_mode(int* mode) {
  *mode = 0;
  return 0;
}

EXPORT int cublasCreate_v2(void** handle) { return algebra_handle(handle); }
EXPORT int cublasGetMathMode(void*, int* mode) { return no_mode(mode); }
EXPORT int cublasGetPointerMode_v2(void*, int* mode) { return no_mode(mode); }

EXPORT int cublasSetStream_v2(void*, cudaStream_t stream) {
  fake::library_stream = stream;
  return 0;
}

EXPORT int cublasLtMatmulDescCreate(void** handle) { return algebra_handle(handle); }
EXPORT int cublasLtMatmulPreferenceCreate(void** handle) { return algebra_handle(handle); }
EXPORT int cublasLtMatrixLayoutCreate(void** handle) { return algebra_handle(handle); }

// cublasLtMatmulHeuristicResult_t, of which torch reads whether there is one.
EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, void*, void*, void*, void*, void*, void*, int, void* results,
                                          int* found) {
  memset(results, 0, 96);
  *found = 1;
  return 0;
}

EXPORT int cublasLtMatmul(void*, void*, const void*, const void*, void*, const void*, void*, const void*, const void*,
                          void*, void*, void*, const void*, void*, size_t, cudaStream_t stream) {
  return fake::compute("library", "cublasLtMatmul", stream);
}

EXPORT int cusolverDnCreate(void** handle) { return algebra_handle(handle); }
EXPORT int cusolverDnCreateParams(void** handle) { return algebra_handle(handle); }

EXPORT int cusolverDnSetStream(void*, cudaStream_t stream) {
  fake::library_stream = stream;
  return 0;
}

static const int WORKSPACE_ELEMENTS = 4096;

EXPORT int cusolverDnSsyevd_bufferSize(void*, int, int, int, const void*, int, const void*, int* elements) {
  *elements = WORKSPACE_ELEMENTS;
  return 0;
}

EXPORT int cusolverDnSsyevjBatched_bufferSize(void*, int, int, int, const void*, int, const void*, int* elements,
                                              void*, int) {
  *elements = WORKSPACE_ELEMENTS;
  return 0;
}

EXPORT int cusolverDnXsyevd_bufferSize(void*, void*, int, int, int64_t, int, const void*, int64_t, int, const void*,
                                       int, size_t* on_device, size_t* on_host) {
  *on_device = *on_host = WORKSPACE_ELEMENTS;
  return 0;
}

EXPORT int cusolverDnXsyevBatched_bufferSize(void*, void*, int, int, int64_t, int, const void*, int64_t, int,
                                             const void*, int, size_t* on_device, size_t* on_host, int64_t) {
  *on_device = *on_host = WORKSPACE_ELEMENTS;
  return 0;
}
