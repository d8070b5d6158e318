using Faultrec.Recorder.Symbols;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>Names as rustc wrote them, against what binutils' c++filt -s rust makes of them, less its hashes and the types of constants.</summary>
public sealed class RustNameTests
{
    [Theory]
    [InlineData("_RNvCs6GmmlP4bgsG_1r11touch_pages", "r::touch_pages")]
    [InlineData("_RNvMNtCs6GmmlP4bgsG_1r4shopINtB2_4CartmE5totalB4_", "<r::shop::Cart<u32>>::total")]
    [InlineData("_RINvNtNtCsjrHSEGnQ3l9_3std3sys9backtrace28___rust_begin_short_backtraceFEuuECs6GmmlP4bgsG_1r",
        "std::sys::backtrace::__rust_begin_short_backtrace::<fn(), ()>")]
    [InlineData("_RNCINvNtCsjrHSEGnQ3l9_3std2rt10lang_startuE0Cs6GmmlP4bgsG_1r", "std::rt::lang_start::<()>::{closure#0}")]
    [InlineData("_RNvNtCsjrHSEGnQ3l9_3std2rt19lang_start_internal", "std::rt::lang_start_internal")]
    [InlineData("_RNvXs_Cs1_1aNtB4_1SNtB4_1T1f", "<a::S as a::T>::f")]
    [InlineData("_RINvCs1_1a1fAhj10_E", "a::f::<[u8; 16]>")]
    [InlineData("_RNvYNvNtNtNtCsjrHSEGnQ3l9_3std3sys2fs4unix4statINtNtNtCsgEmfK2I1SDS_4core3ops8function2FnTRNtNtNtBQ_3ffi5c_str4CStrEE4callBa_",
        "<std::sys::fs::unix::stat as core::ops::function::Fn<(&core::ffi::c_str::CStr,)>>::call")]
    [InlineData("_RNvXNvMNtNtCsjrHSEGnQ3l9_3std3sys9backtraceNtB5_13BacktraceLock5printNtB2_16DisplayBacktraceNtNtCsgEmfK2I1SDS_4core3fmt7Display3fmt",
        "<<std::sys::backtrace::BacktraceLock>::print::DisplayBacktrace as core::fmt::Display>::fmt")]
    [InlineData("_RNvCs1_1a99f", null)]
    [InlineData("_RB_", null)]
    [InlineData("_RNvB_1f", null)]
    [InlineData("_R", null)]
    public void AName(string mangled, string? expected) => Assert.Equal(expected, RustName.Demangle(mangled));

    [Theory]
    [InlineData("r::shop::Cart$LT$T$GT$::total::h07c1fe48d7ba85df", "r::shop::Cart<T>::total")]
    [InlineData("std::rt::lang_start::_$u7b$$u7b$closure$u7d$$u7d$::ha86af84d9cc65291", "std::rt::lang_start::{{closure}}")]
    [InlineData("_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..Drop$GT$::drop::h0123456789abcdef", "<alloc::vec::Vec<T> as core::ops::Drop>::drop")]
    [InlineData("shop::hello", "shop::hello")]
    public void AnOlderName(string name, string expected) => Assert.Equal(expected, RustName.Unescape(name));

    [Fact]
    public void DamagedNamesEnd()
    {
        var random = new Random(3);
        const string name = "RINvNtNtCsjrHSEGnQ3l9_3std3sys9backtrace28___rust_begin_short_backtraceFEuuECs6GmmlP4bgsG_1r";
        for (var round = 0; round < 20_000; round++)
        {
            var text = name.ToCharArray();
            for (var i = random.Next(1, 5); i > 0; i--)
                text[random.Next(1, text.Length)] = "NIBEMXYCRFDTAS0129_abs"[random.Next(22)];
            Assert.InRange((RustName.Demangle("_" + new string(text)) ?? "").Length, 0, 20_000);
        }
    }
}
