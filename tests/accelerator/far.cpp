// An accelerator for torch that needs no hardware. Its memory is a part of the host's that no kernel of the host is
// given: each operation runs on copies there, as torch does for operations that a device lacks. It counts what crosses
// over between host and device, and how often it is waited for.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/extension.h>

#include <map>
#include <string>

namespace {

constexpr auto FAR = c10::DeviceType::PrivateUse1;
constexpr auto KEY = c10::DispatchKey::PrivateUse1;
const c10::Device DEVICE(FAR, 0);

std::map<std::string, int64_t> counts;
int64_t capacity = int64_t(1) << 40, in_use = 0;
bool runs_kernel = false;  // its copies to the host and back are not the program's

struct Block {
  void* data;
  int64_t bytes;
};

struct Memory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    TORCH_CHECK_WITH(OutOfMemoryError, in_use + int64_t(bytes) <= capacity, "far is out of memory");
    in_use += int64_t(bytes);
    auto* block = new Block{bytes ? c10::alloc_cpu(bytes) : nullptr, int64_t(bytes)};
    return {block->data, block, &release, DEVICE};
  }
  static void release(void* context) {
    auto* block = static_cast<Block*>(context);
    in_use -= block->bytes;
    if (block->data) c10::free_cpu(block->data);
    delete block;
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};
Memory memory;
REGISTER_ALLOCATOR(FAR, &memory);

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return FAR; }
  c10::Device exchangeDevice(c10::Device) const override { return DEVICE; }
  c10::Device getDevice() const override { return DEVICE; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return c10::Stream(c10::Stream::DEFAULT, DEVICE); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void synchronizeDevice(const c10::DeviceIndex) const override { ++counts["waits"]; }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

struct Generator final : at::CPUGeneratorImpl {
  Generator() {
    device_ = DEVICE;
    key_set_ = c10::DispatchKeySet(KEY);
  }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    static auto generator = at::make_generator<Generator>();
    return generator;
  }
  at::Generator getNewGenerator(c10::DeviceIndex) const override { return at::make_generator<Generator>(); }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t bytes) const override {
    at::native::resize_bytes_cpu(storage.unsafeGetStorageImpl(), bytes);
  }
};

at::Tensor empty(
    c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
    std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(
      C10_AS_INTARRAYREF_SLOW(size), &memory, c10::DispatchKeySet(KEY), c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(
    c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<at::ScalarType> dtype,
    std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(
      C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), &memory, c10::DispatchKeySet(KEY),
      c10::dtype_or_default(dtype));
}

at::Tensor as_seen_from_the_host(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), tensor.options().device(at::kCPU));
}

void count_crossing(const std::string& where, const at::Tensor& tensor) {
  if (runs_kernel) return;
  ++counts[where];
  counts["bytes " + where] += int64_t(tensor.nbytes());
}

at::Tensor copy_from(const at::Tensor& source, const at::Tensor& target, bool) {
  if (source.is_cpu()) count_crossing("to device", source);
  if (target.is_cpu()) count_crossing("to host", source);
  as_seen_from_the_host(target).copy_(as_seen_from_the_host(source));
  return target;
}

at::Tensor copy_from_and_resize(const at::Tensor& source, const at::Tensor& target) {
  at::native::resize_(target, source.sizes(), std::nullopt);
  return copy_from(source, target, false);
}

at::Scalar to_number(const at::Tensor& tensor) {
  count_crossing("to host", tensor);
  return as_seen_from_the_host(tensor).item();
}

// Draws on the device, with its own generator unless another is given.
at::Tensor& bernoulli(at::Tensor& self, double probability, std::optional<at::Generator> given) {
  auto generator = given.value_or(at::globalContext().defaultGenerator(DEVICE));
  auto same_on_host = at::make_generator<at::CPUGeneratorImpl>();
  same_on_host.set_state(generator.get_state());
  as_seen_from_the_host(self).bernoulli_(probability, same_on_host);
  generator.set_state(same_on_host.get_state());
  return self;
}

void run_kernel(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const bool before = std::exchange(runs_kernel, true);
  try {
    at::native::cpu_fallback(op, stack);
  } catch (...) {
    runs_kernel = before;
    throw;
  }
  runs_kernel = before;
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_kernel>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", at::native::view);
  library.impl("_reshape_alias", at::native::_reshape_alias);
  library.impl("resize_", at::native::resize_);
  library.impl("set_.source_Storage", at::native::set_);
  library.impl("set_.source_Storage_storage_offset", at::native::set_storage_cpu_);
  library.impl("set_.source_Tensor", at::native::set_tensor_);
  library.impl("_copy_from", copy_from);
  library.impl("_copy_from_and_resize", copy_from_and_resize);
  library.impl("_local_scalar_dense", to_number);
  library.impl("bernoulli_.float", bernoulli);
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  module.def("generator", [] { return at::globalContext().defaultGenerator(DEVICE); });
  module.def("counts", [] { return counts; });
  module.def("reset_counts", [] { counts.clear(); });
  module.def("memory", [] { return std::make_pair(capacity - in_use, capacity); });
  module.def("set_free_memory", [](int64_t bytes) { capacity = in_use + bytes; });
}
