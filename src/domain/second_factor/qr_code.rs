//! The picture of an `otpauth` URL that authenticators scan: a PNG of 200 × 200 pixels
//! (`contract/mfa.md` §1), black on white, with the margin that the standard asks for.

use png::{BitDepth, ColorType, Encoder};
use qrcode::{Color, QrCode};

use crate::error::Error;

/// Height and width of the picture in pixels.
pub const PIXELS: usize = 200;

/// The margin that scanners need, in modules (ISO/IEC 18004).
const QUIET_MODULES: usize = 4;

/// Draws the URL.
///
/// # Errors
/// [`Error::Invalid`] when the URL is too long for any picture, [`Error::Internal`] when drawing fails.
pub fn png(url: &str) -> Result<Vec<u8>, Error> {
    let code = QrCode::new(url).map_err(|_| Error::invalid("totp: the URL is too long for a QR code"))?;
    let modules = code.width();
    // The largest code has 177 modules: with its margin one pixel for each always fits.
    let scale = PIXELS / (modules + 2 * QUIET_MODULES);
    let margin = (PIXELS - modules * scale) / 2;
    let colors = code.into_colors();
    let module =
        |pixel: usize| pixel.checked_sub(margin).map(|inside| inside / scale).filter(|at| *at < modules);
    let mut pixels = vec![0xff_u8; PIXELS * PIXELS];
    for (at, pixel) in pixels.iter_mut().enumerate() {
        if let (Some(row), Some(column)) = (module(at / PIXELS), module(at % PIXELS))
            && colors[row * modules + column] == Color::Dark
        {
            *pixel = 0;
        }
    }
    write(&pixels)
}

fn write(pixels: &[u8]) -> Result<Vec<u8>, Error> {
    let side = u32::try_from(PIXELS).map_err(Error::internal)?;
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(Error::internal)?;
    writer.write_image_data(pixels).map_err(Error::internal)?;
    writer.finish().map_err(Error::internal)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(file: &[u8]) -> Vec<u8> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (200, 200));
        pixels
    }

    #[test]
    fn the_picture_shows_every_module_within_a_white_margin() {
        for url in ["otpauth://totp/x", &format!("otpauth://totp/{}", "%C3%BC".repeat(255))] {
            let pixels = pixels(&png(url).unwrap());
            let code = QrCode::new(url).unwrap();
            let (modules, scale) = (code.width(), 200 / (code.width() + 8));
            let margin = (200 - modules * scale) / 2;
            assert!(margin >= 4 * scale);
            for (at, color) in code.to_colors().into_iter().enumerate() {
                let (row, column) = (margin + at / modules * scale, margin + at % modules * scale);
                let corners = [row * 200 + column, (row + scale - 1) * 200 + column + scale - 1];
                assert!(corners.iter().all(|corner| (pixels[*corner] == 0) == (color == Color::Dark)));
            }
            let light: usize = pixels.iter().map(|pixel| usize::from(*pixel / 255)).sum();
            let dark = code.into_colors().iter().filter(|color| **color == Color::Dark).count();
            assert_eq!(light, 200 * 200 - dark * scale * scale);
        }
    }

    #[test]
    fn a_url_that_no_code_can_hold_is_refused() {
        assert!(matches!(png(&"x".repeat(3000)), Err(Error::Invalid(_))));
    }
}
