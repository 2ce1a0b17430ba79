// cuDNN, by its functions of version 7, which torch calls with TORCH_CUDNN_V8_API_DISABLED=1: descriptors that describe
// nothing, one algorithm for every convolution, a kernel for each call. Version 8 plans whole graphs of operations, and
// would have to understand them.
#include <cstring>

#include "fake.h"

namespace fake {

static int cudnn_handle(void** handle) {
  *handle = new char[64]();
  return 0;
}

// cudnnConvolution*AlgoPerf_t: the three kinds have the same fields.
struct Performance {
  int algorithm, status;
  float milliseconds;
  size_t workspace_bytes;
  int deterministic, math, reserved[3];
};

static int only_algorithm(int* n, Performance* found) {
  memset(found, 0, sizeof *found);
  found->algorithm = found->deterministic = 1;
  found->milliseconds = 1;
  found->math = 3;  // CUDNN_FMA_MATH, which suits every request: torch checks that none got less exact arithmetic
  *n = 1;
  return 0;
}

static const size_t WORKSPACE = 1 << 20;

}  // namespace fake

#define CREATES(function) \
  EXPORT int function(void** handle) { return fake::cudnn_handle(handle); }
#define COMPUTES(function) \
  EXPORT int function() { return fake::compute("library", #function, fake::library_stream); }
#define SEARCHES(function)                                                                                        \
  EXPORT int function(void*, void*, void*, void*, void*, void*, void*, void*, int, int* n, fake::Performance* found, \
                      void*, size_t) {                                                                            \
    fake::count("search", #function);                                                                             \
    return fake::only_algorithm(n, found);                                                                        \
  }
#define GUESSES(function)                                                                               \
  EXPORT int function(void*, void*, void*, void*, void*, int, int* n, fake::Performance* found) { \
    return fake::only_algorithm(n, found);                                                              \
  }
#define SIZES(function)                                                              \
  EXPORT int function(void*, void*, void*, void*, void*, int, size_t* bytes) { \
    *bytes = fake::WORKSPACE;                                                        \
    return 0;                                                                        \
  }

EXPORT int cudnnCreate(void** handle) { return fake::cudnn_handle(handle); }

EXPORT int cudnnSetStream(void*, cudaStream_t stream) {
  fake::library_stream = stream;
  return 0;
}

EXPORT int cudnnGetStream(void*, cudaStream_t* stream) {
  *stream = fake::library_stream;
  return 0;
}

CREATES(cudnnCreateActivationDescriptor)
CREATES(cudnnCreateConvolutionDescriptor)
CREATES(cudnnCreateFilterDescriptor)
CREATES(cudnnCreatePoolingDescriptor)
CREATES(cudnnCreateTensorDescriptor)

SEARCHES(cudnnFindConvolutionForwardAlgorithmEx)
SEARCHES(cudnnFindConvolutionBackwardDataAlgorithmEx)
SEARCHES(cudnnFindConvolutionBackwardFilterAlgorithmEx)
GUESSES(cudnnGetConvolutionForwardAlgorithm_v7)
GUESSES(cudnnGetConvolutionBackwardDataAlgorithm_v7)
GUESSES(cudnnGetConvolutionBackwardFilterAlgorithm_v7)
SIZES(cudnnGetConvolutionForwardWorkspaceSize)
SIZES(cudnnGetConvolutionBackwardDataWorkspaceSize)
SIZES(cudnnGetConvolutionBackwardFilterWorkspaceSize)

COMPUTES(cudnnConvolutionForward)
COMPUTES(cudnnConvolutionBiasActivationForward)
COMPUTES(cudnnConvolutionBackwardData)
COMPUTES(cudnnConvolutionBackwardFilter)
COMPUTES(cudnnBatchNormalizationForwardTrainingEx)
COMPUTES(cudnnBatchNormalizationForwardInference)
COMPUTES(cudnnBatchNormalizationBackwardEx)
COMPUTES(cudnnPoolingForward)

EXPORT int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void*, int, int, void*, void*, void*, void*, void*,
                                                                    size_t* bytes) {
  *bytes = fake::WORKSPACE;
  return 0;
}

EXPORT int cudnnGetBatchNormalizationBackwardExWorkspaceSize(void*, int, int, void*, void*, void*, void*, void*, void*,
                                                             void*, size_t* bytes) {
  *bytes = fake::WORKSPACE;
  return 0;
}

EXPORT int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void*, int, int, void*, void*, size_t* bytes) {
  *bytes = fake::WORKSPACE;
  return 0;
}
