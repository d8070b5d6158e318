using System.Globalization;
using System.Text;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Rust's names of the "v0" scheme (RFC 2603; rustc book, "v0 Symbol Format"), without hashes and lifetimes' names. The older
/// scheme is C++'s, with escapes of its own.
/// </summary>
internal sealed class RustName
{
    private const int MaxDepth = 200;
    private const int MaxLength = 4096;
    private const int LegacyHashDigits = 16;
    private const int MaxBase62Digits = 11; // of a crate's hash, 64 bits

    // By the letters that stand for them.
    private const string BasicLetters = "abcdefhijlmnopstuvxyz";

    private static readonly string[] BasicTypes =
        "i8 bool char f64 str f32 u8 isize usize i32 u32 i128 u128 _ i16 u16 () ... i64 u64 !".Split(' ');

    private static readonly (string Escape, string Text)[] LegacyEscapes = [
        ("$SP$", "@"), ("$BP$", "*"), ("$RF$", "&"), ("$LT$", "<"), ("$GT$", ">"), ("$LP$", "("), ("$RP$", ")"), ("$C$", ","), ("$u20$", " "), ("$u27$", "'"),
        ("$u5b$", "["), ("$u5d$", "]"), ("$u7b$", "{"), ("$u7d$", "}"), ("$u7e$", "~"), ("$u3b$", ";"), ("$u2b$", "+"), ("$u22$", "\""), ("..", "::"),
    ];

    private readonly string _text;
    private readonly StringBuilder _output = new();
    private int _at;
    private int _depth;
    private int _listed; // in the list that ended last

    private RustName(string text) => _text = text;

    /// <returns>Null: not such a name, or it uses something that is not known here.</returns>
    /// <param name="name">Begins with "_R".</param>
    public static string? Demangle(string name)
    {
        var end = name.IndexOf('.'); // ".llvm.123" comes behind
        var parser = new RustName(end < 0 ? name[2..] : name[2..end]);
        return parser.Path(inValue: true) ? parser._output.ToString() : null;
    }

    /// <summary>An older name after demangling by C++ rules: "alloc::vec::Vec$LT$T$GT$::push::h0123456789abcdef".</summary>
    public static string Unescape(string name)
    {
        var hash = name.LastIndexOf("::h", StringComparison.Ordinal);
        if (hash < 0 || name.Length - hash - 3 != LegacyHashDigits || !name.AsSpan(hash + 3).ContainsOnlyHex())
            return name;
        var text = new StringBuilder(name, 0, hash, hash);
        text.Replace("::_$", "::$");
        if (text.Length > 1 && text[0] == '_' && text[1] == '$')
            text.Remove(0, 1);
        foreach (var (escape, replacement) in LegacyEscapes)
            text.Replace(escape, replacement);
        return text.ToString();
    }

    private bool Path(bool inValue)
    {
        if (++_depth > MaxDepth || _output.Length > MaxLength)
            return false;
        var isGood = Take() switch
        {
            'C' => Identifier() is { } crate && Write(crate.Name),
            'M' => ImplPath() && Write("<") && Type() && Write(">"),
            'X' => ImplPath() && Write("<") && Type() && Write(" as ") && Path(inValue: false) && Write(">"),
            'Y' => Write("<") && Type() && Write(" as ") && Path(inValue: false) && Write(">"),
            'N' => Nested(inValue),
            'I' => Path(inValue) && Write(inValue ? "::<" : "<") && List(GenericArgument) && Write(">"),
            'B' => Again(() => Path(inValue)),
            _ => false,
        };
        _depth--;
        return isGood;
    }

    private bool Nested(bool inValue)
    {
        var kind = Take();
        if (!char.IsAsciiLetter(kind) || !Path(inValue) || Identifier() is not { } identifier)
            return false;
        if (char.IsAsciiLetterLower(kind))
            return identifier.Name.Length == 0 || Write("::" + identifier.Name);
        var what = kind switch { 'C' => "closure", 'S' => "shim", _ => kind.ToString() };
        return Write(identifier.Name.Length == 0 ? $"::{{{what}#{identifier.Number}}}" : $"::{{{what}:{identifier.Name}#{identifier.Number}}}");
    }

    // Where an impl was written is not part of how the function is called.
    private bool ImplPath()
    {
        var length = _output.Length;
        if (Disambiguator() is null || !Path(inValue: false))
            return false;
        _output.Length = length;
        return true;
    }

    private bool GenericArgument() => Peek() switch
    {
        'L' => Skip() && Base62() is not null && Write("'_"),
        'K' => Skip() && Constant(),
        _ => Type(),
    };

    private bool Type()
    {
        if (++_depth > MaxDepth || _output.Length > MaxLength)
            return false;
        var isGood = TypeOfKind(Peek());
        _depth--;
        return isGood;
    }

    private bool TypeOfKind(char kind)
    {
        if (BasicLetters.IndexOf(kind) is >= 0 and var basic)
            return Skip() && Write(BasicTypes[basic]);
        switch (kind)
        {
            case 'A':
                return Skip() && Write("[") && Type() && Write("; ") && Constant() && Write("]");
            case 'S':
                return Skip() && Write("[") && Type() && Write("]");
            case 'T':
                return Skip() && Write("(") && List(Type) && Write(_listed == 1 ? ",)" : ")");
            case 'R':
                return Skip() && Lifetime() && Write("&") && Type();
            case 'Q':
                return Skip() && Lifetime() && Write("&mut ") && Type();
            case 'P':
                return Skip() && Write("*const ") && Type();
            case 'O':
                return Skip() && Write("*mut ") && Type();
            case 'F':
                return Skip() && Function();
            case 'D':
                return Skip() && Binder() && Write("dyn ") && List(Trait, " + ") && Lifetime();
            case 'B':
                return Skip() && Again(Type);
            default:
                return Path(inValue: false);
        }
    }

    private bool Function()
    {
        if (!Binder())
            return false;
        if (Peek() == 'U')
            _ = Skip() && Write("unsafe ");
        if (Peek() == 'K')
        {
            _ = Skip();
            if (Peek() == 'C')
                _ = Skip() && Write("extern \"C\" ");
            else if (Bytes() is { } abi)
                Write($"extern \"{abi.Replace('_', '-')}\" ");
            else
                return false;
        }

        return Write("fn(") && List(Type) && Write(")") && (Peek() == 'u' ? Skip() : Write(" -> ") && Type());
    }

    private bool Trait()
    {
        if (!Path(inValue: false))
            return false;
        while (Peek() == 'p')
        {
            if (!Skip() || Bytes() is not { } name || !Write($"<{name} = ") || !Type() || !Write(">"))
                return false;
        }

        return true;
    }

    // A type, then "n" for a minus, then hex digits.
    private bool Constant()
    {
        if (Peek() == 'B')
            return Skip() && Again(Constant);
        if (Peek() == 'p')
            return Skip() && Write("_");
        var type = Take();
        var sign = Peek() == 'n' && Skip() ? "-" : "";
        var end = _text.IndexOf('_', Math.Min(_at, _text.Length));
        if (end < 0 || !"abchijlmnostxy".Contains(type))
            return false;
        var digits = _text[_at..end];
        _at = end + 1;
        if (!ulong.TryParse(digits.Length == 0 ? "0" : digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            return Write($"{sign}0x{digits}");
        return Write(type switch
        {
            'b' => value == 0 ? "false" : "true",
            'c' => Rune.IsValid((uint)Math.Min(value, uint.MaxValue)) ? $"'{new Rune((uint)value)}'" : "'?'",
            _ => string.Create(CultureInfo.InvariantCulture, $"{sign}{value}"),
        });
    }

    private bool List(Func<bool> one, string separator = ", ")
    {
        var count = 0;
        for (; Peek() != 'E'; count++)
        {
            if (count > 0 && !Write(separator) || !one())
                return false;
        }

        _listed = count;
        return Skip();
    }

    /// <summary>A back reference: the text at an earlier place is repeated.</summary>
    private bool Again(Func<bool> what)
    {
        var place = _at - 1;
        if (Base62() is not { } back || back >= (ulong)place || ++_depth > MaxDepth)
            return false;
        var after = _at;
        _at = (int)back;
        var isGood = what();
        (_at, _depth) = (after, _depth - 1);
        return isGood;
    }

    private bool Binder() => Peek() != 'G' || Skip() && Base62() is not null;

    private bool Lifetime() => Peek() != 'L' || Skip() && Base62() is not null;

    private (string Name, ulong Number)? Identifier() => Disambiguator() is { } number && Bytes() is { } name ? (name, number) : null;

    private ulong? Disambiguator() => Peek() != 's' ? 0 : Skip() && Base62() is { } number ? number + 1 : null;

    private string? Bytes()
    {
        var isPunycode = Peek() == 'u' && Skip();
        var start = _at;
        while (char.IsAsciiDigit(Peek()))
            _at++;
        if (!int.TryParse(_text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            return null;
        if (Peek() == '_')
            _at++;
        if (length > _text.Length - _at)
            return null;
        var name = _text.Substring(_at, length);
        _at += length;
        return isPunycode ? $"punycode{{{name}}}" : name;
    }

    // "_" is 0, "0_" 1, and so on.
    private ulong? Base62()
    {
        ulong value = 0;
        for (var digits = 0; ; digits++)
        {
            var c = Take();
            if (c == '_')
                return digits == 0 ? 0 : value + 1;
            var digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetterLower(c) ? c - 'a' + 10 : char.IsAsciiLetterUpper(c) ? c - 'A' + 36 : -1;
            if (digit < 0 || digits > MaxBase62Digits)
                return null;
            value = value * 62 + (ulong)digit;
        }
    }

    private char Peek() => _at < _text.Length ? _text[_at] : '\0';

    private char Take() => _at < _text.Length ? _text[_at++] : '\0';

    private bool Skip() => _at++ < _text.Length;

    private bool Write(string text)
    {
        _output.Append(text);
        return _output.Length <= MaxLength;
    }
}

file static class HexText
{
    public static bool ContainsOnlyHex(this ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiHexDigitLower(c))
                return false;
        }

        return true;
    }
}
